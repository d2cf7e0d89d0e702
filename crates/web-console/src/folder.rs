//! The desk over the folders and the records of this machine.

use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use contract::{Failure, Source, timestamp};
use control::classify::handler::Decision;
use control::ports::{Clock as _, Executor as _, Receipt};
use control::{InputRecord, State};
use control_local::{Inbox, NewestUploads, Records, SIDECAR_ENDING, SystemClock, queue_names};
use operator::Place;
use tokio::runtime::Handle;

use crate::desk::{Count, Desk, Detail, Filter, Listed, Listing, MAX_LISTED};

/// The desk over an outbox and the inbox that it is filled from.
#[derive(Clone)]
pub struct FolderDesk {
    records: Arc<Records>,
    inbox: Inbox,
    outbox: PathBuf,
}

impl FolderDesk {
    /// Opens the records of an outbox, which a run has made.
    pub fn open(outbox: &Path) -> Result<Self, Failure> {
        let records = Records::open(outbox)?;
        let inbox = records.inbox()?;
        Ok(Self { records: Arc::new(records), inbox, outbox: fs_err::canonicalize(outbox)? })
    }

    /// The records, to see when something changes.
    pub(crate) fn records(&self) -> Arc<Records> {
        Arc::clone(&self.records)
    }

    /// The folder that uploads go to.
    pub(crate) fn inbox(&self) -> &Inbox {
        &self.inbox
    }

    /// The file of a result. Nothing beside the results is found: neither what is outside the outbox, nor the records.
    pub(crate) fn result(&self, key: &str) -> Result<PathBuf, Failure> {
        below(&self.outbox, key)
    }

    /// The file of an upload.
    pub(crate) fn source(&self, key: &str) -> Result<PathBuf, Failure> {
        below(&fs_err::canonicalize(self.inbox.root())?, key)
    }

    /// Work on SQLite and folders, which waits, beside the server's own.
    async fn beside<T: Send + 'static>(
        &self,
        work: impl AsyncFnOnce(Self) -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, Failure> {
        let desk = self.clone();
        let runtime = Handle::current();
        let done = tokio::task::spawn_blocking(move || runtime.block_on(work(desk))).await;
        done.map_err(|error| Failure::internal("a request to the records ended early").because(error))?
    }
}

/// An existing file below a folder, by a key whose parts are plain names that do not begin with a dot. Links that lead out of
/// the folder are not followed.
fn below(root: &Path, key: &str) -> Result<PathBuf, Failure> {
    let not_found = || Failure::input_not_found(format!("{key:?} not found"));
    if !is_plain(key) {
        return Err(not_found());
    }
    let path = fs_err::canonicalize(root.join(key)).map_err(|_| not_found())?;
    let hides = |path: &Path| path.components().any(|part| part.as_os_str().to_string_lossy().starts_with('.'));
    match path.strip_prefix(root) {
        Ok(inside) if path.is_file() && !hides(inside) => Ok(path),
        _ => Err(not_found()),
    }
}

/// Whether a key is folders and a name, none of which begins with a dot.
pub(crate) fn is_plain(key: &str) -> bool {
    let is_plain = |part: Component<'_>| match part {
        Component::Normal(name) => !name.to_string_lossy().starts_with('.'),
        _ => false,
    };
    !key.is_empty() && !key.contains('\0') && Path::new(key).components().all(is_plain)
}

fn not_uploaded(key: &str) -> Failure {
    Failure::input_not_found(format!("no file {key:?} has come through this outbox"))
}

fn remove_if_present(path: &Path) -> Result<(), Failure> {
    match fs_err::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error.into()),
        _ => Ok(()),
    }
}

/// Removes a folder and the folders in it, as far as nothing is in them: a file that the records do not know stays.
fn remove_empty_folders(folder: &Path) {
    let Ok(entries) = fs_err::read_dir(folder) else { return };
    for entry in entries.flatten().filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir())) {
        remove_empty_folders(&entry.path());
    }
    // It is refused where something is left.
    let _ = std::fs::remove_dir(folder);
}

fn source_of(key: &str) -> Source {
    Source { bucket: None, key: key.to_owned(), version_id: None, etag: None, size: 0 }
}

/// `SUCCEEDED 2026-11-22T10:00:00.000Z job object`, of the last upload of a page.
fn place_of(record: &InputRecord) -> String {
    format!("{} {} {}", record.state_at, record.job_id, record.object)
}

fn place(text: &str) -> Result<[String; 3], Failure> {
    let mut parts = text.splitn(3, ' ').map(str::to_owned);
    match (parts.next(), parts.next(), parts.next()) {
        (Some(at), Some(job), Some(object)) => Ok([at, object, job]),
        _ => Err(Failure::invalid_request(format!("after={text:?} is not the `next` of a page"))),
    }
}

impl Desk for FolderDesk {
    async fn uploads(&self, filter: Filter) -> Result<Listing, Failure> {
        let limit = filter.limit.unwrap_or(100);
        if limit == 0 || limit > MAX_LISTED {
            return Err(Failure::invalid_request(format!("limit={limit} is not 1 to {MAX_LISTED}")));
        }
        if let Some(day) = filter.day.as_deref().filter(|day| timestamp::parse(&format!("{day}T00:00:00Z")).is_none()) {
            return Err(Failure::invalid_request(format!("day={day:?} is not a valid day; write 2026-11-22")));
        }
        let after = filter.after.as_deref().map(place).transpose()?;
        self.beside(async move |desk| {
            let partitions = desk.records.inputs.values("stateDay")?;
            let fits = |partition: &&String| {
                let mut parts = partition.split('#');
                let is = |part: Option<&str>, wanted: Option<&str>| wanted.is_none_or(|wanted| part == Some(wanted));
                is(parts.next(), filter.state.map(State::name)) && is(parts.next(), filter.day.as_deref())
            };
            let newest = NewestUploads {
                partitions: partitions.iter().filter(fits).cloned().collect(),
                kind: filter.kind,
                text: filter.text.filter(|text| !text.is_empty()),
                after,
                limit: limit + 1,
            };
            let mut uploads = desk.records.newest(&newest)?;
            let has_more = uploads.len() > limit;
            uploads.truncate(limit);
            let next = uploads.last().filter(|_| has_more).map(place_of);
            let listed = |record: InputRecord| Listed { causes: operator::causes(&record), record };
            Ok(Listing { uploads: uploads.into_iter().map(listed).collect(), next })
        })
        .await
    }

    async fn counts(&self) -> Result<Vec<Count>, Failure> {
        self.beside(async move |desk| {
            let mut counts: Vec<Count> = Vec::new();
            for (partition, count) in desk.records.inputs.sizes("stateDay")? {
                let mut parts = partition.split('#');
                let state = parts.next().and_then(|name| State::ALL.into_iter().find(|state| state.name() == name));
                let (Some(state), Some(day)) = (state, parts.next()) else { continue };
                match counts.iter_mut().find(|known| known.state == state && known.day == day) {
                    Some(known) => known.count += count,
                    None => counts.push(Count { state, day: day.to_owned(), count }),
                }
            }
            Ok(counts)
        })
        .await
    }

    async fn upload(&self, key: String) -> Result<Vec<Detail>, Failure> {
        self.beside(async move |desk| {
            let records = &desk.records;
            let mut uploads = operator::upload(&records.inputs, &records.outputs, &source_of(&key)).await?;
            uploads.retain(|upload| upload.record.source_deleted_at.is_none());
            if uploads.is_empty() {
                return Err(not_uploaded(&key));
            }
            let mut details = Vec::new();
            let has_source = desk.source(&key).is_ok();
            for (position, upload) in uploads.drain(..).enumerate() {
                let job = upload.record.batch_job_id.as_ref().filter(|_| upload.record.state == State::Submitted);
                let report = match job {
                    Some(id) => records.pool.report(&[Receipt(id.clone())]).await?.pop().flatten(),
                    None => None,
                };
                let explanation = operator::explain(&upload.record, report.as_ref(), Place::Here, SystemClock.now());
                // An earlier version's outputs were overwritten by the last.
                let outputs = if position == 0 { upload.outputs } else { Vec::new() };
                details.push(Detail { record: upload.record, outputs, explanation, has_source });
            }
            Ok(details)
        })
        .await
    }

    async fn submit(&self, key: String, processing_option: String) -> Result<String, Failure> {
        self.beside(async move |desk| {
            let source = desk.records.source(&key).await?;
            let (job_id, decision) =
                operator::submit(&desk.records.classifier()?, source.clone(), &processing_option).await?;
            match decision {
                Decision::Queued(_) => Ok(job_id),
                Decision::Refused(state) | Decision::Known(state) => {
                    let found = operator::versions(&desk.records.inputs, &source).await?;
                    let told = found.into_iter().find(|record| record.job_id == job_id);
                    let why = told.and_then(|record| record.reason).unwrap_or_else(|| state.name().to_owned());
                    Err(Failure::invalid_request(why))
                }
            }
        })
        .await
    }

    async fn cancel(&self, key: String) -> Result<usize, Failure> {
        self.beside(async move |desk| {
            let recorder = desk.records.recorder()?;
            let ended = Box::pin(operator::cancel(&recorder, &source_of(&key), "by an operator")).await?;
            Ok(ended.len())
        })
        .await
    }

    async fn redrive(&self, key: String) -> Result<usize, Failure> {
        self.beside(async move |desk| {
            let records = &desk.records;
            let mut chosen = operator::versions(&records.inputs, &source_of(&key)).await?;
            chosen.retain(|record| record.state == State::Failed && record.refusal.is_none());
            operator::redrive(&records.inputs, &records.queues, &SystemClock, &queue_names(), &chosen).await
        })
        .await
    }

    async fn delete(&self, key: String) -> Result<usize, Failure> {
        self.beside(async move |desk| {
            let source = source_of(&key);
            if operator::versions(&desk.records.inputs, &source).await?.is_empty() {
                return Err(not_uploaded(&key));
            }
            if let Ok(file) = desk.source(&key) {
                fs_err::remove_file(&file)?;
                let mut sidecar = file.into_os_string();
                sidecar.push(SIDECAR_ENDING);
                remove_if_present(Path::new(&sidecar))?;
            }
            let deleted = Box::pin(desk.records.recorder()?.delete_upload(&source)).await?;
            if is_plain(&key) {
                remove_empty_folders(&desk.outbox.join(&key));
            }
            Ok(deleted)
        })
        .await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_but_results_is_found() {
        let folder = tempfile::tempdir().unwrap();
        let root = fs_err::canonicalize(folder.path()).unwrap();
        let outbox = root.join("out");
        for name in ["out/a b.jpg/resize/ü.jpg", "out/.pipeline/records.sqlite", "secret.txt", "out/.hidden/x"] {
            fs_err::create_dir_all(root.join(name).parent().unwrap()).unwrap();
            fs_err::write(root.join(name), "x").unwrap();
        }
        std::os::unix::fs::symlink(root.join("secret.txt"), outbox.join("link.txt")).unwrap();
        std::os::unix::fs::symlink(outbox.join(".pipeline"), outbox.join("records")).unwrap();
        assert_eq!(below(&outbox, "a b.jpg/resize/ü.jpg").unwrap(), outbox.join("a b.jpg/resize/ü.jpg"));
        let root = root.to_string_lossy();
        for key in [
            "",
            "../secret.txt",
            "a b.jpg/../../secret.txt",
            "/etc/passwd",
            &format!("{root}/secret.txt"),
            ".pipeline/records.sqlite",
            ".hidden/x",
            "link.txt",
            "records/records.sqlite",
            "a b.jpg/resize",
            "a\0b",
        ] {
            assert!(below(&outbox, key).is_err(), "{key:?}");
        }
    }

    #[test]
    fn a_place_in_the_list_is_read_as_it_is_written() {
        assert_eq!(place("2026-11-22T10:00:00Z job a b c").unwrap(), ["2026-11-22T10:00:00Z", "a b c", "job"]);
        assert!(place("x").is_err());
    }
}
