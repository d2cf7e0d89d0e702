//! Compiles the few lines of C that need the structures of libjpeg and of Debian's AV1 and HEVC libraries, and links
//! the latter.
//!
//! libaom (BSD) is linked statically where its archive is installed, which leaves what is not used out of the container.
//! libde265 (LGPL) is always a shared library, so that whoever gets the container can replace it.

use std::path::Path;

fn main() {
    let mut build = cc::Build::new();
    let mut libraries = Vec::new();
    for (name, version) in [("dav1d", "1.0.0"), ("libde265", "1.0.11"), ("aom", "3.6.0")] {
        let found = pkg_config::Config::new().atleast_version(version).cargo_metadata(false).probe(name);
        let library = found.unwrap_or_else(|error| {
            panic!("{name} {version} or later is needed; scripts/setup installs Debian's package of it. {error}")
        });
        build.includes(&library.include_paths);
        libraries.push(library);
    }
    // libjpeg is compiled by mozjpeg-sys, which says where its headers are.
    let headers = std::env::var_os("DEP_JPEG_INCLUDE").expect("mozjpeg-sys is a dependency");
    build.includes(std::env::split_paths(&headers)).flag("-fexceptions");
    for name in ["av1_decode", "av1_encode", "hevc_decode", "jpeg_huffman", "jpeg_planes"] {
        let path = format!("src/native/{name}.c");
        println!("cargo::rerun-if-changed={path}");
        build.file(path);
    }
    println!("cargo::rerun-if-changed=src/native/planes.h");
    build.std("c11").compile("pixels_native");
    // After what refers to them.
    for library in libraries {
        for folder in &library.link_paths {
            println!("cargo::rustc-link-search=native={}", folder.display());
        }
        for name in library.libs.iter().filter(|name| *name != "aom") {
            println!("cargo::rustc-link-lib={name}");
        }
    }
    let folder = pkg_config::get_variable("aom", "libdir").unwrap_or_default();
    if Path::new(&folder).join("libaom.a").exists() {
        println!("cargo::rustc-link-search=native={folder}");
        println!("cargo::rustc-link-lib=static=aom");
    } else {
        println!("cargo::rustc-link-lib=aom");
    }
}
