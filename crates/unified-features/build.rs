//! Makes Cargo take the build-dependencies into account.
fn main() {
    println!("cargo::rerun-if-changed=build.rs");
}
