//! A memory allocator whose heap outlives the process.
