//! Panics: how they are caught, and what may be said of them.

use std::any::Any;
use std::cell::RefCell;
use std::fmt;
use std::panic::{AssertUnwindSafe, PanicHookInfo, catch_unwind, resume_unwind};

use futures_util::FutureExt;

thread_local! {
    static LAST: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// Remembers where this thread panics, and what may be said of it; gives that.
pub fn note_panic(panic: &PanicHookInfo<'_>) -> String {
    let place = panic.location().map_or_else(String::new, |location| {
        format!(" at {}:{}", location.file(), location.line())
    });
    let said = sayable(panic.payload()).map_or_else(String::new, |said| format!(": {said}"));
    let text = format!("a panic{place}{said}");
    // Of a thread whose locals are gone nobody will ask.
    drop(LAST.try_with(|last| last.replace(Some(text.clone()))));
    text
}

/// What may be said of a panic that was caught on this thread just now.
pub fn text_of(payload: &(dyn Any + Send)) -> String {
    let noted = LAST.try_with(RefCell::take).ok().flatten();
    noted.unwrap_or_else(|| {
        let said = sayable(payload).map_or_else(String::new, |said| format!(": {said}"));
        format!("a panic{said}")
    })
}

/// A message that is made at run time may hold a value of a row. One that is part of the program does not, nor do those
/// of the language that hold nothing but numbers.
fn sayable(payload: &(dyn Any + Send)) -> Option<&str> {
    let numbers_only = ["index out of bounds: ", "range start index ", "range end index "];
    match payload.downcast_ref::<&'static str>() {
        Some(said) => Some(said),
        None => payload
            .downcast_ref::<String>()
            .map(String::as_str)
            .filter(|said| numbers_only.iter().any(|start| said.starts_with(start))),
    }
}

/// A panic that was caught.
pub struct Caught(Box<dyn Any + Send>);

impl Caught {
    /// What may be said of it.
    pub fn text(&self) -> String {
        text_of(self.0.as_ref())
    }

    /// Lets it go on.
    pub fn resume(self) -> ! {
        resume_unwind(self.0)
    }
}

impl fmt::Debug for Caught {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Caught")
    }
}

/// Does work whose state is given up if it panics.
///
/// # Errors
/// The panic.
pub fn catching<T>(work: impl FnOnce() -> T) -> Result<T, Caught> {
    catch_unwind(AssertUnwindSafe(work)).map_err(Caught)
}

/// The same for a future.
///
/// # Errors
/// The panic.
pub async fn catching_in<T>(work: impl Future<Output = T>) -> Result<T, Caught> {
    AssertUnwindSafe(work).catch_unwind().await.map_err(Caught)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_may_be_of_a_row_is_said() {
        let secret = String::from("secret");
        let caught = catching(|| panic!("bad value {secret}")).unwrap_err();
        assert!(!caught.text().contains("secret"), "{}", caught.text());
        let caught = catching(|| panic!("a plain sentence")).unwrap_err();
        assert!(caught.text().contains("a plain sentence"), "{}", caught.text());
        let (row, place) = ([1, 2, 3], std::hint::black_box(7));
        let caught = catching(|| row[place]).unwrap_err();
        let text = caught.text();
        assert!(text.contains("the len is 3 but the index is 7"), "{text}");
    }
}
