//! Workloads and drivers that measure outlive beside its rivals.
