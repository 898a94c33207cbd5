//! What a key or a palette line asks the screen to do.

pub use crate::event::Direction;
use crate::event::{Command, View};

/// How far a selection moves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reach {
    /// One row.
    Row,
    /// Ten rows.
    Page,
    /// To the end.
    End,
}

/// What a lesson shows below its narration.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Shown {
    /// The lists, and what there is room for.
    #[default]
    Overview,
    /// The timeline.
    Timeline,
    /// The calls.
    Calls,
    /// The steps.
    Steps,
    /// The interest list and the Why sentence.
    Why,
    /// The way of one event.
    Path,
}

/// What a key asks a comparison of loops to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CompareAction {
    /// All clients are active, or few of them.
    AllActive,
    /// Fewer or more clients.
    Clients(Direction),
    /// Show the mirror, or the curve again.
    Mirror,
    /// Measure everything again.
    Again,
    /// Write what has been measured into a file.
    Export,
}

/// A change of what is to be written for others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ExportAction {
    /// Write it.
    Write,
    /// The kind before or after.
    Choose(Direction),
    /// The next range.
    Range,
    /// Hide more, or nothing again.
    Hide,
    /// Ask for another name.
    Name,
    /// The next size of the screen.
    Size,
    /// Leave it.
    Leave,
}

/// A wish, not yet judged: [`super::app::App::update`] knows what it means now.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum KeyAction {
    /// Hold the server if it runs, let it run if it is held.
    Hold,
    /// Record what happens, or end that.
    Record,
    /// Ask what is to be written for others.
    AskExport,
    /// Something that is done to what is asked there.
    Export(ExportAction),
    /// Let others watch, or say how they do.
    Share,
    /// Take no more answers of those who watch; then put them away.
    CloseAnswers,
    /// One call of the selected lane.
    StepCall,
    /// On to the next wait of the selected lane.
    StepTurn,
    /// Less or more delay before each call.
    Delay(Direction),
    /// The other trigger for all registrations and those to come.
    TriggerAll,
    /// Drain, or one read an event.
    ReadPolicy,
    /// Fewer or more threads.
    Threads(Direction),
    /// A command as it stands; what it leaves open is filled in from the selection.
    Do(Command),
    /// Ask for a line that the selected built-in client sends.
    AskSend,
    /// Ask for a filter.
    AskFilter,
    /// Ask for a command.
    AskCommand,
    /// Move the selection.
    Move(Reach, Direction),
    /// Open the page of the selected row.
    Page,
    /// Close it.
    ClosePage,
    /// The next pane.
    Focus(Direction),
    /// Another view.
    View(View),
    /// The mark before or after the viewed event on the selected track.
    Track(Direction),
    /// Narrower or wider timeline.
    Zoom(Direction),
    /// One event back or forward in time.
    Seek(Direction),
    /// The call of the selected thread before or after.
    ToCall(Direction),
    /// Its wait before or after.
    ToWait(Direction),
    /// The moment before or after that was marked.
    ToBookmark(Direction),
    /// The oldest event.
    Beginning,
    /// Ask for words to look for.
    AskFind,
    /// The event before or after that has the last words.
    FindNext(Direction),
    /// Back to now.
    Live,
    /// Follow the view of whoever shares the session, or not.
    Follow,
    /// Forget the filter and the message.
    Clear,
    /// The next order of the list of what is waited for.
    Sort,
    /// Keep the view still, or go on.
    Still,
    /// Go through the past from here in slow motion.
    Play,
    /// Go through the selected thread's last turn in slow motion.
    PlayTurn,
    /// Slow motion: stand, or go on.
    Stand,
    /// Slower or faster slow motion.
    Pace(Direction),
    /// Copy what is selected.
    Copy,
    /// Show or hide the help.
    Help,
    /// Open the lessons.
    Lessons,
    /// End the program.
    Quit,
    /// Stop the process until the shell continues it.
    Suspend,
    /// Something that only a lesson can do, or the menu of lessons.
    Lesson(LessonAction),
    /// What only a comparison knows.
    Compare(CompareAction),
    /// Something that is done to the line being typed.
    Edit(EditAction),
}

/// A wish of a learner.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum LessonAction {
    /// Take no more answers of those who watch.
    CloseClass,
    /// The next step.
    Next,
    /// The answer at this place, from 0.
    Answer(usize),
    /// Type an answer.
    AskAnswer,
    /// Go on without an answer.
    Skip,
    /// What can only be done now was asked for in the past.
    NotInThePast,
    /// From the beginning.
    Restart,
    /// Play on by itself, or stop.
    Play,
    /// Slower or faster playing.
    ReadingSpeed(Direction),
    /// Slow motion after each step, or not.
    SlowMotion,
    /// Ask for an action of the learner's own.
    AskTry,
    /// Undo the last action of the learner's own.
    Undo,
    /// The next epoll instance.
    Instance(Direction),
    /// Another part of it, or everything again.
    Part(Shown),
    /// Scroll the narration.
    Scroll(Direction),
    /// Back to where it was chosen; menu: leave.
    Leave,
    /// Menu: begin the chosen lesson.
    Begin,
    /// Menu: look for lessons by words.
    Search,
}

/// A change of the line being typed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum EditAction {
    /// Carry the line out.
    Submit,
    /// Give up.
    Cancel,
    /// Complete the word.
    Complete,
    /// Up or down: in the list of what the line could become, and to earlier lines.
    Choose(Direction),
    /// Delete before (`Back`) or under (`On`) the cursor.
    Erase(Direction),
    /// Delete the whole line.
    EraseAll,
    /// Move the cursor.
    Caret(Reach, Direction),
    /// A character.
    Insert(char),
}
