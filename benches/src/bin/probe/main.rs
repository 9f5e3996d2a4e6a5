//! Counts the instructions of the fast path, by letting a processor execute them one at a time.
//!
//! The process forks. The child fills its magazines, asks to be traced, and calls each of the functions below a few
//! times; the parent steps it from instruction to instruction and counts those between a function's entry and its return.
//! So nothing depends on how the compiler laid out the code: what is counted is what ran, in this binary, with the
//! profile it was built with.
//!
//! Not counted is what the function has only because it is one, and an inlined copy would not: pushes and pops, moves of
//! the stack pointer, the return, and for a new box the store of its value. The thread-local load and the null check
//! count.
//!
//! One line for each function: its name, and the least of several counts.

#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
mod probes;

#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
fn main() -> std::process::ExitCode {
    probes::run()
}

#[cfg(not(all(target_os = "linux", target_arch = "x86_64")))]
fn main() -> std::process::ExitCode {
    eprintln!("probe: knows the instructions of x86-64 only");
    std::process::ExitCode::from(2)
}
