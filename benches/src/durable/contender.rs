//! Who is measured.

/// One way to have data on a disk; a column of the tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Contender {
    /// A heap in a file.
    Outlive,
    /// A heap in memory, for what must not become slower by being in a file.
    Memory,
    /// LMDB through heed, with its own syncs.
    Lmdb,
    /// redb, with immediate durability.
    Redb,
    /// fjall, which syncs everything at each commit.
    Fjall,
    /// SQLite with a write-ahead log and `synchronous=FULL`.
    Sqlite,
    /// A shared mapping and `msync`, of a file that the system caches in large pieces.
    Msync,
    /// The same of a file that it caches page by page.
    MsyncPages,
    /// A hash map that is written as a whole with bincode, and read back as a whole.
    Bincode,
    /// A hash map that is written as a whole with rkyv, and used where it lies, mapped.
    Rkyv,
    /// The disk itself: `O_DIRECT` and `O_DSYNC` writes of the same amount.
    Disk,
}

impl Contender {
    /// All of them, in the order of the columns.
    pub const ALL: [Self; 11] = [
        Self::Outlive,
        Self::Memory,
        Self::Lmdb,
        Self::Redb,
        Self::Fjall,
        Self::Sqlite,
        Self::Msync,
        Self::MsyncPages,
        Self::Bincode,
        Self::Rkyv,
        Self::Disk,
    ];

    /// Those that keep entries under keys.
    pub const DATABASES: &[Self] = &[Self::Lmdb, Self::Redb, Self::Fjall, Self::Sqlite];

    /// The column's head, and the name on the command line.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Outlive => "outlive",
            Self::Memory => "memory",
            Self::Lmdb => "lmdb",
            Self::Redb => "redb",
            Self::Fjall => "fjall",
            Self::Sqlite => "sqlite",
            Self::Msync => "msync",
            Self::MsyncPages => "msync-pages",
            Self::Bincode => "bincode",
            Self::Rkyv => "rkyv",
            Self::Disk => "disk",
        }
    }

    /// The contender of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|contender| contender.name() == name)
    }
}
