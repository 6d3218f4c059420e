"""Where on the path: from samples with stacks to places in the program."""
