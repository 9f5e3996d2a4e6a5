//! Running a part of a test in a process of its own, for what ends or forks it.

use std::process::{Command, Output};

const WHICH: &str = "OUTLIVE_TEST_CHILD";

/// In the process that [`run`] started for this name: whether it is that one.
pub fn is(name: &str) -> bool {
    std::env::var(WHICH).is_ok_and(|which| which == name)
}

/// What runs the test `test` of this program again, alone, in a process that knows itself as `name`.
pub fn command(test: &str, name: &str) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args([test, "--exact", "--nocapture", "--test-threads=1"]).env(WHICH, name);
    command
}

/// Runs it to its end.
pub fn run(test: &str, name: &str) -> Output {
    command(test, name).output().unwrap()
}

/// Gives up what an administrator may do, in a process of its own; for any other it changes nothing.
pub fn be_nobody() {
    const NOBODY: u32 = 65534;
    // SAFETY: asks for a number.
    if unsafe { libc::geteuid() } != 0 {
        return;
    }
    // SAFETY: a list of no groups.
    assert_eq!(unsafe { libc::setgroups(0, std::ptr::null()) }, 0);
    // SAFETY: changes who the process is, which nobody in it relies upon.
    assert_eq!(unsafe { libc::setgid(NOBODY) }, 0);
    // SAFETY: as above.
    assert_eq!(unsafe { libc::setuid(NOBODY) }, 0);
}
