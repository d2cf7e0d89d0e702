//! A path tracer for [`scene`]'s evaluated scenes, on the CPU.
//!
//! Not a rasteriser: those agree with Cycles by 20 to 22 dB over Khronos' test models, path tracers by 26 to 33, and glass,
//! shadows and light between surfaces are what people see first. Not Mesa's, Embree's or OIDN's code: the first needs
//! executable memory, which the worker forbids, and the others are ten times as large as all of this.
//!
//! [`world::Look`] has the materials, [`world::World`] the geometry of a moment, [`environment::Environment`] the light;
//! [`film::draw`] draws what a [`camera::Camera`] sees. The same input gives the same bytes on any number of threads.

pub mod bodies;
pub mod bsdf;
pub mod camera;
pub mod develop;
pub mod environment;
pub mod film;
pub mod filter;
mod hierarchy;
mod microfacet;
pub mod path;
mod sampler;
pub mod world;
