use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::sync::Arc;
use std::time::Duration;

use contract::{Failure, Sandbox};
use operation::{
    Announcement, CompanionSource, Input, InputSource, Outputs, Processor, RangeSource, Services, Task, Weights,
    companion_path, read_exactly,
};

use super::serve::peak_memory;
use super::{Completed, WorkerInput, WorkerReport, WorkerTask};

/// The same work in this process, without isolation or limits: what the worker's overhead is measured against.
pub fn run_in_process(processor: &dyn Processor, task: WorkerTask<'_>) -> WorkerReport {
    let before = cpu();
    let (file, source) = match task.input {
        WorkerInput::Whole(file) => (Some(file), None),
        WorkerInput::Ranged(source) => (None, Some(source)),
    };
    let local = LocalInput { file, source, companions: task.companions, size: task.size };
    let outputs = Outputs::in_folder(task.scratch);
    let inner = Task {
        input: Input::new(task.name, task.format, task.size, Arc::new(local)),
        outputs: outputs.clone(),
        progress: task.progress,
        weights: Weights::default(),
        services: task.services.map(Services::new).unwrap_or_default(),
    };
    let result = operation::process(processor, task.operation, task.share, &inner);
    let result = result.map(|properties| Completed {
        outputs: outputs.finished(),
        properties,
        versions: processor.library_versions().into_iter().map(|(name, version)| (name.to_owned(), version)).collect(),
    });
    let status = fs_err::File::open("/proc/self/status").ok();
    let peak_memory = status.and_then(|status| peak_memory(status.file())).unwrap_or(0);
    WorkerReport {
        result,
        peak_memory,
        needs_memory: false,
        cpu: cpu().saturating_sub(before),
        sandbox: Sandbox::default(),
    }
}

struct LocalInput {
    file: Option<File>,
    source: Option<Arc<dyn RangeSource>>,
    companions: Arc<dyn CompanionSource>,
    size: u64,
}

impl InputSource for LocalInput {
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        if let Some(file) = &self.file {
            return file.read_at(buffer, offset);
        }
        let rest = usize::try_from(self.size.saturating_sub(offset)).unwrap_or(usize::MAX);
        let length = buffer.len().min(rest);
        let Some(source) = self.source.as_ref().filter(|_| length > 0) else { return Ok(0) };
        let bytes = source.read_at(offset, length).map_err(io::Error::other)?;
        let count = bytes.len().min(length);
        buffer[..count].copy_from_slice(&bytes[..count]);
        Ok(count)
    }

    fn read_ranges(&self, ranges: &[Range<u64>], _: Option<Announcement>) -> io::Result<Vec<Vec<u8>>> {
        let Some(source) = &self.source else {
            return ranges.iter().map(|range| read_exactly(self, range)).collect();
        };
        let read = |range: &Range<u64>| source.read_ranges(std::slice::from_ref(range), None).map_err(io::Error::other);
        ranges.iter().map(read).collect()
    }

    fn file(&self) -> Option<&File> {
        self.file.as_ref()
    }

    fn companion(&self, relative: &str) -> Result<File, Failure> {
        self.companions.open(&companion_path(relative)?)
    }
}

fn cpu() -> Duration {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    Duration::new(now.tv_sec as u64, now.tv_nsec as u32)
}
