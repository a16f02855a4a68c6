//! The files of a task as its source lists them: which belong to which table, and which are change files.

use crate::discover::folders::{Belonging, ObjectFolder};
use crate::fault::{Fault, FaultKind};
use crate::model::ObjectVersion;
use crate::printable::printable;
use crate::source::{ListCursor, ObjectSource};

/// The folder of a task that a key belongs to.
///
/// # Errors
/// [`FaultKind::Usage`] if there is none.
pub(super) fn folder_of_key(folders: Vec<ObjectFolder>, key: &str) -> Result<ObjectFolder, Fault> {
    let known: Vec<_> = folders.iter().map(|folder| folder.rule.prefix.clone()).collect();
    let lies_in = |folder: &ObjectFolder| matches!(folder.rule.judge(key), Belonging::LeftOut(_));
    let is_left_out = folders.iter().any(lies_in);
    let mut owners = folders.into_iter().filter(|folder| folder.rule.has(key));
    owners.next().ok_or_else(|| {
        let key = printable(key);
        let message = if is_left_out {
            format!("{key} is not data by its name, or left out by `source.files`")
        } else {
            format!(
                "{key} is not in a folder that the task reads; it reads {}",
                known.join(", ")
            )
        };
        Fault::new(FaultKind::Usage, message)
    })
}

/// The first files of a folder, so many at most.
///
/// # Errors
/// As [`ObjectSource::list`].
pub(super) async fn first_files(
    source: &dyn ObjectSource,
    folder: &ObjectFolder,
    files_max: usize,
) -> Result<Vec<ObjectVersion>, Fault> {
    let mut first = Vec::new();
    let mut take = |objects: Vec<ObjectVersion>| {
        let own = objects.into_iter().filter(|object| folder.rule.has(&object.key));
        let free = files_max.saturating_sub(first.len());
        first.extend(own.take(free));
        first.len() < files_max
    };
    list(source, &folder.rule.prefix, &mut take).await?;
    Ok(first)
}

/// Lists page after page, until there is none or `take` has enough; says whether the listing came to its end.
///
/// # Errors
/// As [`ObjectSource::list`].
pub(super) async fn list(
    source: &dyn ObjectSource,
    prefix: &str,
    take: &mut dyn FnMut(Vec<ObjectVersion>) -> bool,
) -> Result<bool, Fault> {
    let mut after: Option<ListCursor> = None;
    loop {
        let page = source.list(prefix, after.as_ref()).await.map_err(Fault::from)?;
        let wants_more = take(page.objects);
        match page.next {
            None => return Ok(true),
            Some(_) if !wants_more => return Ok(false),
            Some(next) => after = Some(next),
        }
    }
}

/// The version of an object that is there now.
///
/// # Errors
/// [`FaultKind::SourceMissing`] if there is none.
pub(super) async fn find(source: &dyn ObjectSource, key: &str) -> Result<ObjectVersion, Fault> {
    let page = source.list(key, None).await.map_err(Fault::from)?;
    let found = page.objects.into_iter().find(|object| object.key == key);
    found.ok_or_else(|| {
        let message = format!("{} does not exist", source.locate(key));
        Fault::new(FaultKind::SourceMissing, message)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::discover::folders::FileRule;
    use crate::model::{QueueName, RowSource, TableIndex};

    #[test]
    fn a_key_outside_of_all_folders_is_refused() {
        let folder = ObjectFolder {
            name: "s.t".to_owned(),
            table: Some(TableIndex(0)),
            queue: QueueName::load("s.t"),
            rows: RowSource::Load(TableIndex(0)),
            rule: FileRule::all("in/s/t/".to_owned()),
        };
        let owner = folder_of_key(vec![folder.clone()], "in/s/t/a.csv").unwrap();
        assert_eq!(owner, folder);
        for (key, expected) in [
            ("in/s/t2/a.csv", "not in a folder"),
            ("in/s/t/_SUCCESS", "not data"),
        ] {
            let fault = folder_of_key(vec![folder.clone()], key).unwrap_err();
            assert_eq!(fault.kind, FaultKind::Usage);
            assert!(fault.to_string().contains(expected), "{fault}");
        }
    }
}
