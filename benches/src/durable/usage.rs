//! What the kernel says of this process: bytes sent to the disk, and resident memory by its kind.

use std::fs;

/// Bytes that this process, all threads together, has caused to be written to a disk. A page that it wrote to in the system's
/// cache counts when it becomes dirty, as much as will be written for it.
pub(super) fn written() -> f64 {
    field("/proc/self/io", "write_bytes:")
}

/// Resident bytes that no file has: what was written, and what the process allocated.
pub(super) fn anonymous() -> f64 {
    field("/proc/self/status", "RssAnon:") * 1024.0
}

/// Resident bytes of mapped files, which the system can take back at any time.
pub(super) fn of_files() -> f64 {
    field("/proc/self/status", "RssFile:") * 1024.0
}

/// How many threads the process has.
pub(super) fn threads() -> f64 {
    field("/proc/self/status", "Threads:")
}

fn field(file: &str, name: &str) -> f64 {
    let text = fs::read_to_string(file).expect("a file that the kernel makes");
    let line = text.lines().find_map(|line| line.strip_prefix(name)).expect("a field of it");
    line.trim().trim_end_matches("kB").trim().parse().expect("a number")
}
