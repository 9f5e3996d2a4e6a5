//! The functions, and the steps through them.

use std::alloc::Layout;
use std::hint::black_box;
use std::io::Error;
use std::process::ExitCode;
use std::ptr::{null_mut, without_provenance_mut};
use std::time::{Duration, Instant};

use outlive_benches::probed::{probe_alloc, probe_box_drop, probe_box_new, probe_dealloc};

#[global_allocator]
static GLOBAL: outlive::Global = outlive::Global::new();

/// How often each function is counted.
const ROUNDS: usize = 8;
/// How long the child calls the functions before anybody counts: for about a fifth of a second after its first
/// requests, a thread has each request look whether memory can go back to the system.
const WARM_UP: Duration = Duration::from_secs(1);

/// One of the functions: its name, its first instruction, and how many of its instructions are its caller's in truth.
struct Probe {
    name: &'static str,
    entry: u64,
    not_ours: usize,
}

const FUNCTIONS: usize = 4;

fn probes() -> [Probe; FUNCTIONS] {
    let probe = |name, entry: *const (), not_ours| Probe { name, entry: entry.addr() as u64, not_ours };
    [
        // The store of the value.
        probe("box-new", probe_box_new as *const (), 1),
        probe("box-drop", probe_box_drop as *const (), 0),
        probe("alloc-unknown", probe_alloc as *const (), 0),
        probe("free-unknown", probe_dealloc as *const (), 0),
    ]
}

/// The layouts of which the compiler knows nothing, and what they add to the functions' names: one whose free may be
/// inlined, and one whose free is not.
const LAYOUTS: [(&str, Layout); 2] =
    [("", Layout::new::<[u64; 12]>()), ("-2000", Layout::new::<[u64; 250]>())];

/// Calls each function once, with arguments that the compiler does not know.
fn call_all(layout: Layout) {
    let boxed = black_box(probe_box_new());
    probe_box_drop(boxed);
    let layout = black_box(layout);
    // SAFETY: the layout's size is not zero.
    let block = black_box(unsafe { probe_alloc(layout) });
    // SAFETY: the block was allocated with this layout.
    unsafe { probe_dealloc(block, black_box(layout)) };
}

/// Counts and prints.
pub(crate) fn run() -> ExitCode {
    for (addition, layout) in LAYOUTS {
        // SAFETY: this process has one thread.
        let counted = match unsafe { libc::fork() } {
            -1 => Err("fork"),
            0 => be_counted(layout),
            child => count(child),
        };
        let counts = match counted {
            Ok(counts) => counts,
            Err(what) => return refused(what),
        };
        for (probe, least) in probes().iter().zip(counts) {
            // Those of a known size are the same each time.
            if addition.is_empty() || probe.name.ends_with("unknown") {
                println!("{}{addition} {least}", probe.name);
            }
        }
    }
    ExitCode::SUCCESS
}

fn refused(what: &str) -> ExitCode {
    eprintln!("probe: {what} was refused: {}; counting needs ptrace of a child", Error::last_os_error());
    ExitCode::from(2)
}

/// The child's part.
fn be_counted(layout: Layout) -> ! {
    let start = Instant::now();
    while start.elapsed() < WARM_UP {
        (0..1000).for_each(|_| call_all(layout));
    }
    // SAFETY: the parent waits for this process.
    unsafe { libc::ptrace(libc::PTRACE_TRACEME, 0, null_mut::<u8>(), null_mut::<u8>()) };
    // SAFETY: the parent lets this process go on.
    unsafe { libc::raise(libc::SIGSTOP) };
    (0..ROUNDS).for_each(|_| call_all(layout));
    // SAFETY: nothing is left to be cleaned up that the end of the process does not.
    unsafe { libc::_exit(0) }
}

/// The parent's part: the child's steps, one by one, and the least that each function took.
fn count(child: libc::pid_t) -> Result<[usize; FUNCTIONS], &'static str> {
    let probes = probes();
    let mut least = [usize::MAX; FUNCTIONS];
    let mut inside: Option<(usize, u64, usize)> = None;
    if !stopped(child) {
        return Err("PTRACE_TRACEME");
    }
    loop {
        let (at, stack) = registers(child)?;
        if let Some((probe, until, counted)) = inside {
            if at == until {
                least[probe] = least[probe].min(counted - probes[probe].not_ours);
                inside = None;
            } else {
                let counts = !is_frame(peek(child, at).to_le_bytes());
                inside = Some((probe, until, counted + usize::from(counts)));
            }
        } else if let Some(probe) = probes.iter().position(|probe| probe.entry == at) {
            // At a function's entry the return address is on top of the stack. The entry itself counts as well.
            inside = Some((probe, peek(child, stack), usize::from(!is_frame(peek(child, at).to_le_bytes()))));
        }
        // SAFETY: the child is stopped, and is ours.
        if unsafe { libc::ptrace(libc::PTRACE_SINGLESTEP, child, null_mut::<u8>(), null_mut::<u8>()) } != 0 {
            return Err("PTRACE_SINGLESTEP");
        }
        if !stopped(child) {
            break;
        }
    }
    if least.contains(&usize::MAX) { Err("reaching every function") } else { Ok(least) }
}

/// Waits for the child; whether it has stopped rather than ended.
fn stopped(child: libc::pid_t) -> bool {
    let mut status = 0;
    // SAFETY: the status has a place.
    let found = unsafe { libc::waitpid(child, &raw mut status, 0) };
    found == child && libc::WIFSTOPPED(status)
}

/// Where the child is: its next instruction, and its stack pointer.
fn registers(child: libc::pid_t) -> Result<(u64, u64), &'static str> {
    let mut registers = std::mem::MaybeUninit::<libc::user_regs_struct>::uninit();
    // SAFETY: the child is stopped, and the registers have a place.
    if unsafe { libc::ptrace(libc::PTRACE_GETREGS, child, null_mut::<u8>(), registers.as_mut_ptr()) } != 0 {
        return Err("PTRACE_GETREGS");
    }
    // SAFETY: the call has filled them.
    let registers = unsafe { registers.assume_init() };
    Ok((registers.rip, registers.rsp))
}

/// Eight bytes of the child's memory.
fn peek(child: libc::pid_t, at: u64) -> u64 {
    let at: *mut u8 = without_provenance_mut(usize::try_from(at).unwrap_or_default());
    // SAFETY: the child is stopped; an address that it does not have is an error, and no access of ours.
    unsafe { libc::ptrace(libc::PTRACE_PEEKDATA, child, at, null_mut::<u8>()) }.cast_unsigned()
}

/// Whether an instruction that starts with these bytes only serves its function's frame: push, pop, ret, or an addition
/// to the stack pointer or a subtraction from it.
fn is_frame(bytes: [u8; 8]) -> bool {
    matches!(bytes, [0x50..=0x5f | 0xc3, ..] | [0x41, 0x50..=0x5f, ..] | [0x48, 0x81 | 0x83, 0xc4 | 0xec, ..])
}
