//! Graphs of libavfilter.

use std::ffi::CString;
use std::ptr;

use contract::Failure;
use ffmpeg_next::format::Pixel;
use ffmpeg_next::{ffi, filter};

/// A graph from one source named `in` to one sink named `out`.
pub(crate) fn filter_graph(source: &str, arguments: &str, sink: &str, spec: &str) -> Result<filter::Graph, Failure> {
    // One thread is enough for each, as pictures are worked on side by side.
    build(source, arguments, sink, &["out".to_owned()], spec, 1)
}

/// A graph from one source named `in` to so many sinks, named by [`sink_name`], on all processors.
pub(crate) fn filter_graph_of_many(
    source: &str,
    arguments: &str,
    sink: &str,
    count: usize,
    spec: &str,
) -> Result<filter::Graph, Failure> {
    let names: Vec<_> = (0..count).map(sink_name).collect();
    build(source, arguments, sink, &names, spec, 0)
}

/// What a sink is called in a graph of several.
pub(crate) fn sink_name(number: usize) -> String {
    format!("out{number}")
}

fn build(
    source: &str,
    arguments: &str,
    sink: &str,
    sinks: &[String],
    spec: &str,
    threads: i32,
) -> Result<filter::Graph, Failure> {
    let missing = |name: &str| Failure::internal(format!("this libavfilter has no {name}"));
    let failed = |error| Failure::internal(format!("the filters {spec:?} cannot be set up")).because(error);
    let mut graph = filter::Graph::new();
    // SAFETY: the graph is fresh.
    unsafe { (*graph.as_mut_ptr()).nb_threads = threads };
    graph.add(&filter::find(source).ok_or_else(|| missing(source))?, "in", arguments).map_err(failed)?;
    for name in sinks {
        graph.add(&filter::find(sink).ok_or_else(|| missing(sink))?, name, "").map_err(failed)?;
    }
    connect(&mut graph, sinks, spec).map_err(failed)?;
    graph.validate().map_err(failed)?;
    Ok(graph)
}

/// Parses the filters between `in` and the sinks. The wrapper's own parser loses all sinks but two.
fn connect(graph: &mut filter::Graph, sinks: &[String], spec: &str) -> Result<(), ffmpeg_next::Error> {
    let spec = CString::new(spec).map_err(|_| ffmpeg_next::Error::InvalidData)?;
    // SAFETY: the lists are made here of filters of this graph; libavfilter takes the names over, and gives back what it
    // did not use.
    unsafe {
        let mut open_ends = |names: &[String]| {
            let mut list = ptr::null_mut();
            for name in names.iter().rev() {
                let entry = ffi::avfilter_inout_alloc();
                let text = CString::new(name.as_str()).map_err(|_| ffmpeg_next::Error::InvalidData)?;
                let mut filter = graph.get(name).ok_or(ffmpeg_next::Error::FilterNotFound)?;
                if entry.is_null() {
                    return Err(ffmpeg_next::Error::Other { errno: ffmpeg_next::error::ENOMEM });
                }
                (*entry).name = ffi::av_strdup(text.as_ptr());
                (*entry).filter_ctx = filter.as_mut_ptr();
                (*entry).next = list;
                list = entry;
            }
            Ok(list)
        };
        // Seen from the filters, the source's end is an output that is open, and the sinks are open inputs.
        let (mut outputs, mut inputs) = (open_ends(&["in".to_owned()])?, open_ends(sinks)?);
        let code = ffi::avfilter_graph_parse_ptr(
            graph.as_mut_ptr(),
            spec.as_ptr(),
            &raw mut inputs,
            &raw mut outputs,
            ptr::null_mut(),
        );
        ffi::avfilter_inout_free(&raw mut inputs);
        ffi::avfilter_inout_free(&raw mut outputs);
        if code < 0 { Err(code.into()) } else { Ok(()) }
    }
}

/// The number by which filter arguments name a pixel format.
pub(crate) fn pixel_format_number(format: Pixel) -> i32 {
    ffi::AVPixelFormat::from(format) as i32
}
