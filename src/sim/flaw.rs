//! Deliberate errors, one at a time, which show that a test would notice each. Nothing but tests
//! turns one on.

/// A rule broken on purpose.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Flaw {
    /// A plain registration goes to the tail of a file's wait queue.
    PlainHookAtTail,
    /// An exclusive registration goes to the head of a file's wait queue.
    ExclusiveHookAtHead,
    /// The walk over a wait queue goes on behind an exclusive registration that was served.
    ExclusiveWalkGoesOn,
    /// The walk stops at an exclusive registration although no thread of its epoll slept.
    ExclusiveServesNobody,
    /// A wake-up of everybody stops at the first exclusive registration.
    WakeAllStops,
    /// A wake-up without a key concerns nobody.
    KeylessIsFiltered,
    /// A wake-up with a key concerns everybody.
    KeyIsIgnored,
    /// A disarmed registration is listed by a wake-up.
    DisarmedIsListed,
    /// A level-triggered registration that was reported leaves the list.
    LevelIsNotPutBack,
    /// A level-triggered registration that was reported goes back to the head.
    LevelGoesToTheHead,
    /// An edge-triggered registration that was reported goes back to the tail.
    EdgeIsPutBack,
    /// A one-shot report does not disarm.
    OneshotIsNotDisarmed,
    /// A one-shot report disarms only what is edge-triggered.
    OneshotDisarmsOnlyEdges,
    /// MOD does not poll the file.
    ModDoesNotPoll,
    /// MOD lists what is not ready.
    ModListsUnready,
    /// MOD moves what is listed already to the tail.
    ModMovesToTheTail,
    /// MOD takes what is not ready off the list.
    ModUnlistsUnready,
    /// MOD keeps the data that ADD gave.
    ModKeepsData,
    /// ADD does not poll the file.
    AddDoesNotPoll,
    /// ADD does not poll the file for an edge-triggered registration.
    AddDoesNotPollEdges,
    /// ADD and MOD store the mask without ERR and HUP.
    AlwaysIsNotStored,
    /// ADD and MOD wake no sleeper.
    CtlWakesNobody,
    /// DEL leaves the entry on the ready list for the next registration of that file.
    DelKeepsPlace,
    /// A new arrival moves what is listed already to the tail.
    ArrivalMovesToTheTail,
    /// A wake-up puts its registration at the head of the ready list.
    ArrivalGoesToTheHead,
    /// What was woken during a harvest goes to the tail of the list.
    OverflowAtTheTail,
    /// What was woken during a harvest is merged newest first.
    OverflowNewestFirst,
    /// What was woken during a harvest is forgotten.
    OverflowIsLost,
    /// What a harvest did not reach goes behind what it put back.
    RestGoesToTheTail,
    /// A harvest reports what is listed without polling it again.
    HarvestDoesNotPoll,
    /// A listed file that is not ready stays on the list when a harvest passes it.
    StaleStaysListed,
    /// A listed file that is not ready uses up a place of maxevents.
    StaleCounts,
    /// A poll of an epoll leaves entries that are not ready on its list.
    PollKeepsStale,
    /// A poll of an epoll says ready as soon as anything is listed.
    PollBelievesTheList,
    /// A poll of an epoll takes the ready entry off its list.
    PollTakesTheEntry,
    /// A harvest that leaves something on the list does not wake the next sleeper.
    HarvestWakesNoNext,
    /// Sleepers are woken in the order in which they came.
    SleepersAreFifo,
    /// A wake-up wakes every sleeper of an epoll.
    EverySleeperWakes,
    /// A thread that was woken for nothing goes to the tail of the wait queue.
    SleepsAgainAtTheTail,
    /// An inner epoll does not tell the outer one.
    InnerIsSilent,
    /// An inner epoll tells the outer one also when it puts something back.
    InnerTellsOfPutBack,
    /// A wake-up without a key wakes no poll(2) caller.
    PollerNeedsKey,
    /// A close of any number unregisters its file.
    AnyCloseUnregisters,
    /// Registrations are known by the number alone.
    KeyIsTheNumber,
    /// Five links of epoll instances are allowed.
    DeeperNesting,
    /// Nesting is counted downwards only.
    NestingCountsDownOnly,
    /// EXCLUSIVE goes together with any other bit.
    ExclusiveTakesAnyBit,
    /// An exclusive registration can be modified.
    ExclusiveCanBeModified,
    /// A write that a full pipe refuses wakes nobody.
    FailedPipeWriteIsSilent,
    /// A write to a pipe wakes only when the pipe was empty.
    PipeWakesOnlyWhenEmpty,
    /// Every read of a pipe wakes its writers.
    PipeReadAlwaysWakes,
    /// The last close of one end of a pipe wakes nobody.
    PipeCloseIsSilent,
    /// An eventfd's read wakes nobody.
    EventfdReadIsSilent,
    /// A write of 0 to an eventfd wakes nobody.
    EventfdZeroIsSilent,
    /// A periodic timerfd runs on without being read.
    TimerRearmsItself,
    /// A UNIX socket is not told that its peer finished a message.
    UnixReadIsSilent,
    /// A half-close wakes nobody on the other end.
    HalfCloseIsSilent,
    /// A UNIX stream is not told that its peer was closed with data unread.
    UnreadCloseIsNoError,
    /// A datagram that is refused does not wake its sender.
    RefusedDatagramIsSilent,
    /// A UDP sender is not told of room by its own send.
    UdpSendTellsNoRoom,
    /// A reset wakes nobody.
    ResetIsSilent,
    /// Data wakes a TCP reader also below SO_RCVLOWAT.
    LowatIsIgnored,
    /// An accept wakes the listener's watchers again.
    AcceptWakes,
    /// A select(2) does not call a hang-up readable.
    SelectIgnoresHangup,
}

impl Flaw {
    /// Every one.
    pub const ALL: [Self; 64] = [
        Self::PlainHookAtTail,
        Self::ExclusiveHookAtHead,
        Self::ExclusiveWalkGoesOn,
        Self::ExclusiveServesNobody,
        Self::WakeAllStops,
        Self::KeylessIsFiltered,
        Self::KeyIsIgnored,
        Self::DisarmedIsListed,
        Self::LevelIsNotPutBack,
        Self::LevelGoesToTheHead,
        Self::EdgeIsPutBack,
        Self::OneshotIsNotDisarmed,
        Self::OneshotDisarmsOnlyEdges,
        Self::ModDoesNotPoll,
        Self::ModListsUnready,
        Self::ModMovesToTheTail,
        Self::ModUnlistsUnready,
        Self::ModKeepsData,
        Self::AddDoesNotPoll,
        Self::AddDoesNotPollEdges,
        Self::AlwaysIsNotStored,
        Self::CtlWakesNobody,
        Self::DelKeepsPlace,
        Self::ArrivalMovesToTheTail,
        Self::ArrivalGoesToTheHead,
        Self::OverflowAtTheTail,
        Self::OverflowNewestFirst,
        Self::OverflowIsLost,
        Self::RestGoesToTheTail,
        Self::HarvestDoesNotPoll,
        Self::StaleStaysListed,
        Self::StaleCounts,
        Self::PollKeepsStale,
        Self::PollBelievesTheList,
        Self::PollTakesTheEntry,
        Self::HarvestWakesNoNext,
        Self::SleepersAreFifo,
        Self::EverySleeperWakes,
        Self::SleepsAgainAtTheTail,
        Self::InnerIsSilent,
        Self::InnerTellsOfPutBack,
        Self::PollerNeedsKey,
        Self::AnyCloseUnregisters,
        Self::KeyIsTheNumber,
        Self::DeeperNesting,
        Self::NestingCountsDownOnly,
        Self::ExclusiveTakesAnyBit,
        Self::ExclusiveCanBeModified,
        Self::FailedPipeWriteIsSilent,
        Self::PipeWakesOnlyWhenEmpty,
        Self::PipeReadAlwaysWakes,
        Self::PipeCloseIsSilent,
        Self::EventfdReadIsSilent,
        Self::EventfdZeroIsSilent,
        Self::TimerRearmsItself,
        Self::UnixReadIsSilent,
        Self::HalfCloseIsSilent,
        Self::UnreadCloseIsNoError,
        Self::RefusedDatagramIsSilent,
        Self::UdpSendTellsNoRoom,
        Self::ResetIsSilent,
        Self::LowatIsIgnored,
        Self::AcceptWakes,
        Self::SelectIgnoresHangup,
    ];
}
