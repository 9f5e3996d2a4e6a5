//! The log by itself, in a heap that crashes, and with bytes in it that nobody wrote.

mod crashes;
mod heap;
mod plain;
