//! Neural networks: loads weights and runs them. No operation knows by what.
//!
//! The runtime is ONNX Runtime, a C++ library that is opened ([`prepare`]) only if an operation needs a network, so that a program
//! that resizes pictures never pays for it. It has to be opened before the worker's sandbox closes, because nothing can be opened
//! afterwards; networks can be loaded from mapped weights at any time. What [`prepare`] loads in the process that workers are
//! forked from, all of them share: a list of a thousand pictures loads a network once.
//!
//! Networks are run on the thread that asks: each with one thread of its own, which gives the same numbers whatever the machine
//! has. An operation that has several networks or several inputs runs them on threads of its own. Only
//! [`Network::with_threads`] has more, for one network that is too slow for one thread; it does not spin while it waits.
//!
//! Approaches that lost, measured on the networks that the project uses: the pure-Rust runtimes rten and tract, which need 1.5 to
//! 5 times the processor time (tract does not load some of them); linking to the library, which has every start of the program
//! write its relocations.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use contract::Failure;
use operation::Weights;
use ort::environment::Environment;
use ort::ep::CPU;
use ort::logging::LogLevel;
use ort::session::builder::{GraphOptimizationLevel, SessionBuilder};
use ort::session::{OutputSelector, RunOptions, Session, SessionInputValue};
use ort::value::{DynValue, PrimitiveTensorElementType, Tensor};

/// The name of the runtime's library among the weights: profiles of operations with networks list it.
pub const LIBRARY: &str = "onnxruntime";

/// Opens the runtime and loads these networks for [`network`], with one thread each. Called from
/// [`operation::Processor::prepare`]. What is loaded already is kept.
pub fn prepare(weights: &Weights, names: &[&str]) -> Result<(), Failure> {
    environment(weights)?;
    names.iter().try_for_each(|name| network(weights, name).map(drop))
}

/// Opens the runtime alone, for networks that are loaded later.
pub fn open_library(weights: &Weights) -> Result<(), Failure> {
    environment(weights).map(drop)
}

/// The network of that name, loaded once in this process, with one thread.
pub fn network(weights: &Weights, name: &str) -> Result<Arc<Network>, Failure> {
    static LOADED: Mutex<BTreeMap<String, Arc<Network>>> = Mutex::new(BTreeMap::new());
    let sha256 = weights.sha256(name)?;
    let mut loaded = LOADED.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(network) = loaded.get(sha256) {
        return Ok(Arc::clone(network));
    }
    let network = Arc::new(Network::with_threads(weights, name, 1)?);
    loaded.insert(sha256.to_owned(), Arc::clone(&network));
    Ok(network)
}

/// A network in memory.
pub struct Network {
    name: String,
    session: Mutex<Session>,
}

impl Network {
    /// Loads a network of its own that computes with up to that many threads. Not in [`operation::Processor::prepare`]: threads
    /// do not outlive a fork.
    pub fn with_threads(weights: &Weights, name: &str, threads: usize) -> Result<Self, Failure> {
        let environment = environment(weights)?;
        let bytes = weights.get(name)?;
        let session = settings(environment, threads)
            .and_then(|mut builder| builder.commit_from_memory(bytes))
            .map_err(|error| {
                Failure::internal(format!(
                    "failed to load the weights {name}; if the file is damaged, remove it and run scripts/weights {name}"
                ))
                .because(error)
            })?;
        weights.release(name);
        return_freed_memory();
        Ok(Self { name: name.to_owned(), session: Mutex::new(session) })
    }

    /// Runs the network on named inputs and gives the named outputs, in that order. Outputs that are not named are not computed
    /// if nothing else needs them. Calls from several threads wait for each other.
    pub fn run(&self, inputs: &[(&str, &Value)], outputs: &[&str]) -> Result<Vec<Value>, Failure> {
        let failed = |error: ort::Error| Failure::internal(format!("the network {} failed", self.name)).because(error);
        let selector = outputs.iter().fold(OutputSelector::no_default(), |selector, output| selector.with(*output));
        let options = RunOptions::new().map_err(failed)?.with_outputs(selector);
        let inputs: Vec<(&str, SessionInputValue<'_>)> =
            inputs.iter().map(|(name, value)| (*name, SessionInputValue::from(&value.0))).collect();
        let mut session = self.session.lock().unwrap_or_else(PoisonError::into_inner);
        let mut made = session.run_with_options::<_, 0>(inputs, &options).map_err(failed)?;
        let output = |name: &&str| {
            let missing = || Failure::internal(format!("the network {} has no output {name}", self.name));
            made.remove(name).map(Value).ok_or_else(missing)
        };
        outputs.iter().map(output).collect()
    }

    /// What the network's makers wrote beside it under a key, such as the signs that a reader knows.
    pub fn metadata(&self, key: &str) -> Result<Option<String>, Failure> {
        let session = self.session.lock().unwrap_or_else(PoisonError::into_inner);
        let metadata = session.metadata().map_err(|error| {
            Failure::internal(format!("the network {} does not say what it is", self.name)).because(error)
        })?;
        Ok(metadata.custom(key))
    }

    /// The shape of an input as the network declares it; -1 where any length is taken.
    pub fn input_shape(&self, name: &str) -> Result<Vec<i64>, Failure> {
        let session = self.session.lock().unwrap_or_else(PoisonError::into_inner);
        let found = session.inputs().iter().find(|input| input.name() == name);
        let shape = found.and_then(|input| input.dtype().tensor_shape());
        let missing = || Failure::internal(format!("the network {} has no input {name}", self.name));
        shape.map(|shape| shape.to_vec()).ok_or_else(missing)
    }
}

/// Numbers of one type in a row-major array: what goes into a network and comes out. An output can go into the next run as it is,
/// without a copy.
pub struct Value(DynValue);

/// The types of numbers in a [`Value`].
pub trait Element: PrimitiveTensorElementType + Copy + std::fmt::Debug + 'static {}

impl Element for f32 {}
impl Element for i8 {}
impl Element for i32 {}
impl Element for i64 {}
impl Element for u8 {}
impl Element for bool {}

impl Value {
    /// Numbers in that shape, as many as it has places.
    pub fn new<T: Element>(shape: &[usize], numbers: Vec<T>) -> Result<Self, Failure> {
        let places: usize = shape.iter().product();
        if places != numbers.len() {
            return Err(Failure::internal(format!("{} numbers do not fit the shape {shape:?}", numbers.len())));
        }
        let tensor = Tensor::from_array((shape.to_vec(), numbers));
        tensor
            .map(|tensor| Self(tensor.into_dyn()))
            .map_err(|error| Failure::internal("failed to pass numbers on").because(error))
    }

    /// The numbers, row by row.
    pub fn numbers<T: Element>(&self) -> Result<&[T], Failure> {
        self.0.try_extract_tensor::<T>().map(|(_, numbers)| numbers).map_err(unreadable)
    }

    /// The lengths in each direction, the outermost first.
    pub fn shape(&self) -> Vec<usize> {
        self.0.shape().iter().map(|length| usize::try_from(*length).unwrap_or(0)).collect()
    }
}

fn unreadable(error: ort::Error) -> Failure {
    Failure::internal("a network's output has another type of numbers than was asked for").because(error)
}

/// Loading takes twice the memory of what is loaded. glibc would keep the rest, in pieces too scattered for what a run asks for.
fn return_freed_memory() {
    // SAFETY: takes a number, and gives only what nobody holds back to the system.
    #[cfg(target_env = "gnu")]
    unsafe {
        libc::malloc_trim(0)
    };
}

/// The library and its state, opened once for the process.
fn environment(weights: &Weights) -> Result<&'static Environment, Failure> {
    static ENVIRONMENT: OnceLock<Environment> = OnceLock::new();
    // One at a time: the runtime allows one environment in a process.
    static OPENING: Mutex<()> = Mutex::new(());
    if let Some(environment) = ENVIRONMENT.get() {
        return Ok(environment);
    }
    let _opening = OPENING.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(environment) = ENVIRONMENT.get() {
        return Ok(environment);
    }
    weights.get(LIBRARY)?;
    let path = weights.path(LIBRARY)?;
    // The library as its makers distribute it reports how it is used to them, over the network and from a thread of its own,
    // from its first moment on: its interface turns that off only later. This turns all of it off (Privacy.md in the package).
    // SAFETY: workers and the process that they are forked from get here with one thread. Elsewhere, in tests, other threads may
    // read variables, which the standard library holds a lock for.
    unsafe { std::env::set_var("ORT_DISABLE_TELEMETRY", "1") };
    let failed = |reason: &dyn std::fmt::Display| {
        Failure::internal(format!("failed to open ONNX Runtime at {}: {reason}", path.display()))
    };
    let builder = ort::init_from(path).map_err(|error| failed(&error))?;
    let environment = builder.with_name("").with_telemetry(false).build().map_err(|error| failed(&error))?;
    environment.set_log_level(LogLevel::Error);
    Ok(ENVIRONMENT.get_or_init(|| environment))
}

fn settings(environment: &Environment, threads: usize) -> ort::Result<SessionBuilder> {
    Ok(Session::builder(environment)?
        .with_intra_threads(threads)?
        .with_inter_threads(1)?
        .with_intra_op_spinning(false)?
        .with_inter_op_spinning(false)?
        .with_optimization_level(GraphOptimizationLevel::All)?
        .with_deterministic_compute(true)?
        // Memory goes back to the allocator after each run: inputs of many shapes would otherwise keep what each needs.
        .with_execution_providers([CPU::default().with_arena_allocator(false).build()])?
        .with_memory_pattern(false)?)
}
