//! What differs between the processors: registers, how a call looks, how a signal handler returns.

use framehop::UnwindRegsNative;

use crate::wire::Sample;

#[cfg(target_arch = "x86_64")]
mod this {
    use super::*;

    /// The longest call instruction.
    pub const LONGEST_CALL: usize = 7;
    /// mov $15,%rax; syscall: rt_sigreturn, to which a signal handler returns.
    pub const SIGNAL_RETURN: &[u8] = &[0x48, 0xc7, 0xc0, 0x0f, 0, 0, 0, 0x0f, 0x05];

    pub fn registers(sample: &Sample) -> UnwindRegsNative {
        UnwindRegsNative::new(sample.ip, sample.sp, sample.fp)
    }

    /// framehop cannot evaluate the unwind rule of that code, which reads memory.
    pub const LEAVES_SIGNALS: bool = true;

    /// Leaves a signal handler: at sp is the kernel's struct ucontext (asm/ucontext.h, asm/sigcontext.h)
    /// with the registers of what was interrupted.
    pub fn leave_signal(
        registers: &mut UnwindRegsNative,
        mut read: impl FnMut(u64) -> Result<u64, ()>,
    ) -> Option<u64> {
        let context = registers.sp();
        let mut word = |at: u64| read(context.checked_add(at)?).ok();
        let (bp, sp, ip) = (word(120)?, word(160)?, word(168)?);
        registers.set_bp(bp);
        registers.set_sp(sp);
        registers.set_ip(ip);
        Some(ip)
    }

    /// Whether a call instruction ends where `code`, of LONGEST_CALL bytes, ends.
    pub fn ends_with_call(code: &[u8]) -> bool {
        code[LONGEST_CALL - 5] == 0xe8
            || (2..=LONGEST_CALL).any(|length| {
                let call = &code[LONGEST_CALL - length..];
                // ff /2: the address is in a register or in memory
                call[0] == 0xff && call[1] >> 3 & 7 == 2 && indirect_length(call) == length
            })
    }

    fn indirect_length(call: &[u8]) -> usize {
        let (mode, operand) = (call[1] >> 6, call[1] & 7);
        let scaled = usize::from(mode != 3 && operand == 4);
        let base = call.get(2).map_or(0, |byte| byte & 7);
        let displacement = match (mode, operand) {
            (0, 5) => 4,
            (0, 4) if base == 5 => 4,
            (1, _) => 1,
            (2, _) => 4,
            _ => 0,
        };
        2 + scaled + displacement
    }

    /// Go's goexit begins with this: the return address of a goroutine's first function is behind.
    pub fn ends_with_nop(code: &[u8]) -> bool {
        code[LONGEST_CALL - 1] == 0x90
    }

    /// Leaves a trampoline of Python's perf support, in which nothing has an unwind table: the
    /// return address is at sp + 8. One that keeps frame pointers has the caller's below it.
    pub fn leave_trampoline(
        registers: &mut UnwindRegsNative,
        mut read: impl FnMut(u64) -> Result<u64, ()>,
    ) -> Option<u64> {
        let sp = registers.sp();
        if registers.bp() == sp {
            registers.set_bp(read(sp).ok()?);
        }
        let to = read(sp.checked_add(8)?).ok()?;
        registers.set_sp(sp.checked_add(16)?);
        registers.set_ip(to);
        Some(to)
    }
}

#[cfg(target_arch = "aarch64")]
mod this {
    use super::*;
    use framehop::aarch64::PtrAuthMask;

    pub const LONGEST_CALL: usize = 4;
    /// mov x8, #139; svc #0: rt_sigreturn, to which a signal handler returns.
    pub const SIGNAL_RETURN: &[u8] = &[0x68, 0x11, 0x80, 0xd2, 0x01, 0, 0, 0xd4];
    /// Addresses of user space have 48 bits, or 52; signatures of pointers are above them.
    const ADDRESS: u64 = (1 << 52) - 1;

    pub fn registers(sample: &Sample) -> UnwindRegsNative {
        let mask = PtrAuthMask(ADDRESS);
        UnwindRegsNative::new_with_ptr_auth_mask(mask, sample.lr, sample.sp, sample.fp)
    }

    /// Whether `code`, of LONGEST_CALL bytes, is bl, blr, or blraa and its like.
    pub fn ends_with_call(code: &[u8]) -> bool {
        let word = u32::from_le_bytes([code[0], code[1], code[2], code[3]]);
        word & 0xfc00_0000 == 0x9400_0000
            || word & 0xffff_fc1f == 0xd63f_0000
            || word & 0xfeff_f000 == 0xd63f_0000
    }

    /// nop, which Go's goexit begins with.
    pub fn ends_with_nop(code: &[u8]) -> bool {
        code[..4] == [0x1f, 0x20, 0x03, 0xd5]
    }

    /// That code's unwind table leads to the caller of the interrupted function.
    pub const LEAVES_SIGNALS: bool = false;

    pub fn leave_signal(
        _registers: &mut UnwindRegsNative,
        _read: impl FnMut(u64) -> Result<u64, ()>,
    ) -> Option<u64> {
        None
    }

    /// Leaves a trampoline of Python's perf support, which keeps frame pointers here.
    pub fn leave_trampoline(
        registers: &mut UnwindRegsNative,
        mut read: impl FnMut(u64) -> Result<u64, ()>,
    ) -> Option<u64> {
        let fp = registers.fp();
        let next = read(fp).ok()?;
        let to = read(fp.checked_add(8)?).ok()? & ADDRESS;
        registers.set_sp(fp.checked_add(16)?);
        registers.set_fp(next);
        registers.set_lr(to);
        Some(to)
    }
}

pub use this::*;

#[cfg(all(test, target_arch = "x86_64"))]
mod tests {
    use super::*;

    fn is_call(code: &[u8]) -> bool {
        let mut filled = [0x0f; LONGEST_CALL];
        filled[LONGEST_CALL - code.len()..].copy_from_slice(code);
        ends_with_call(&filled)
    }

    #[test]
    fn calls_as_an_assembler_writes_them() {
        assert!(is_call(&[0xe8, 0, 0x10, 0, 0]), "call rel32");
        assert!(is_call(&[0xff, 0xd0]), "call *%rax");
        assert!(is_call(&[0x41, 0xff, 0xd4]), "call *%r12");
        assert!(is_call(&[0xff, 0x15, 1, 2, 3, 4]), "call *0x4030201(%rip)");
        assert!(is_call(&[0xff, 0x50, 0x18]), "call *0x18(%rax)");
        assert!(is_call(&[0xff, 0x54, 0x24, 8]), "call *8(%rsp)");
        assert!(
            is_call(&[0xff, 0x14, 0xc5, 1, 2, 3, 4]),
            "call *0x4030201(,%rax,8)"
        );
        assert!(
            is_call(&[0xff, 0x94, 0x24, 1, 2, 3, 4]),
            "call *0x4030201(%rsp)"
        );
    }

    #[test]
    fn a_signal_handler_returns_to_what_it_interrupted() {
        let mut registers = UnwindRegsNative::new(1, 0x1000, 3);
        let kept = |at: u64| match at - 0x1000 {
            120 => Ok(0xb9),
            160 => Ok(0x2000),
            168 => Ok(0x1234),
            _ => Err(()),
        };
        assert_eq!(leave_signal(&mut registers, kept), Some(0x1234));
        assert_eq!((registers.bp(), registers.sp()), (0xb9, 0x2000));
        assert_eq!(leave_signal(&mut registers, |_| Err(())), None);
    }

    #[test]
    fn what_is_no_call() {
        assert!(!is_call(&[0xff, 0xe0]), "jmp *%rax");
        assert!(!is_call(&[0x90, 0x90, 0x90, 0x90, 0x90, 0x90, 0x90]), "nop");
        assert!(!is_call(&[0xe9, 0, 0x10, 0, 0]), "jmp rel32");
        assert!(!is_call(&[0xff, 0x50]), "cut off");
    }
}
