//! Bugs that tests plant, to see that the tests of crashes find them. Outside of tests there are none.

/// A bug.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Planted {
    /// A superblock is written and not synced.
    SyncLeftOut,
    /// The superblock that an opening has found is not made durable once more.
    SuperblockNotSettled,
    /// The slots of a new file, and what was written before them, are not synced.
    FirstSyncLeftOut,
    /// The superblock goes to the slot of the newest instead of the oldest.
    SlotsSwapped,
    /// A record is written and not synced.
    RecordNotDurable,
    /// A new segment, and with the first one the header of the log, is not synced.
    SegmentNotSynced,
    /// The checksum of a record's body is not looked at.
    ChecksumIgnored,
    /// A segment is used again while its last commit is not in the base yet.
    RetiredTooEarly,
    /// What an unfinished commit left behind is neither wiped nor told apart by its opening.
    StaleAccepted,
    /// What an unfinished commit left behind is not wiped.
    NotWiped,
    /// What was recovered is not made durable once more.
    NotSettled,
    /// Of what was recovered only the last commit is made durable once more.
    OnlyLastSettled,
    /// What lies behind a commit that is missing is not wiped.
    LaterNotWiped,
    /// What lies within the length of a record from an earlier use of a segment is not looked at.
    StalePassedOver,
    /// A checkpoint writes to the base what may not be durable in the log.
    LogNotSynced,
    /// The folder in which a log was found is not synced.
    NameNotSettled,
    /// The base is not synced before the superblock says what it holds.
    BaseNotSynced,
    /// The base is written with what is not in the log yet.
    BaseBeforeLog,
    /// A checkpoint lets the log be used again, and no superblock says what the base holds.
    NotApplied,
    /// What an opening brings from the log into the base counts as being there, although it is not durable.
    BroughtInCounts,
    /// What is written to the base for a commit is not synced before that.
    PlacedNotSynced,
    /// A capture passes over the last page.
    PageMissed,
    /// What lay in the magazines of an image stays there.
    MagazinesKept,
    /// A program forgets to note some of its writes.
    #[cfg(test)]
    NoteForgotten,
    /// The space of pages is given back that are free in the heap, whatever the last commit has there.
    GivenBackEarly,
    /// A file is cut while its superblock still says that it is longer.
    CutEarly,
    /// Behind what is cut off remains what the log has there.
    EndRemembered,
    /// Pages that may be given back are compared with what the base has meanwhile.
    OpenCompared,
    /// What was noted is forgotten when its commit fails.
    NotesNotPutBack,
}

#[cfg(test)]
mod chosen {
    use core::cell::Cell;

    use super::Planted;

    thread_local! {
        static CHOSEN: Cell<Option<Planted>> = const { Cell::new(None) };
    }

    impl Planted {
        /// Plants the bug in this thread, for as long as `during` runs.
        pub(crate) fn during<T>(self, during: impl FnOnce() -> T) -> T {
            struct Removed;
            impl Drop for Removed {
                fn drop(&mut self) {
                    CHOSEN.set(None);
                }
            }
            CHOSEN.set(Some(self));
            let _removed = Removed;
            during()
        }

        pub(in crate::durable) fn is_there(self) -> bool {
            CHOSEN.get() == Some(self)
        }
    }
}

#[cfg(not(test))]
impl Planted {
    pub(super) const fn is_there(self) -> bool {
        false
    }
}
