//! Resident memory of this process, as the kernel counts it in `/proc/self/status`.
//!
//! The peak is `VmHWM`, not `ru_maxrss` of `getrusage`: the latter survives `exec`, so a process started by the
//! driver would show the driver's 512 MiB of warming up as its own.

use std::fs::File;
use std::io::Read;

/// The resident size at one moment, for the growth since then.
#[derive(Clone, Copy, Debug)]
pub struct Footprint {
    start: usize,
}

impl Footprint {
    /// Notes the resident size now. Call it when the harness has all its scratch memory.
    #[must_use]
    pub fn start() -> Self {
        Self { start: resident() }
    }

    /// Bytes resident now beyond the start; negative when there are fewer.
    #[must_use]
    pub fn growth(self) -> f64 {
        resident() as f64 - self.start as f64
    }

    /// Bytes resident at the process's peak beyond the start.
    #[must_use]
    pub fn peak_growth(self) -> f64 {
        peak() as f64 - self.start as f64
    }
}

/// Bytes resident now.
#[must_use]
pub fn resident() -> usize {
    status_field("VmRSS:")
}

/// The most bytes that were ever resident.
#[must_use]
pub fn peak() -> usize {
    status_field("VmHWM:")
}

/// Reads a field of the status file, given there in KiB, into a buffer on the stack.
fn status_field(name: &str) -> usize {
    let mut buffer = [0; 8192];
    let mut filled = 0;
    let mut file = File::open("/proc/self/status").expect("the status file of this process");
    while let Ok(read @ 1..) = file.read(&mut buffer[filled..]) {
        filled += read;
    }
    let text = str::from_utf8(&buffer[..filled]).expect("text");
    let line = text.lines().find_map(|line| line.strip_prefix(name)).expect("a memory field");
    let kib = line.trim().trim_end_matches("kB").trim();
    kib.parse::<usize>().expect("a number of KiB") * 1024
}
