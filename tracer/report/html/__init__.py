"""One self-contained HTML page of a report: no network, no server, every number in its JSON.

`views` makes sections of blocks out of a report's document; `page` puts them with the scripts that
draw them into a file. The scripts compute nothing but places on the screen.
"""
