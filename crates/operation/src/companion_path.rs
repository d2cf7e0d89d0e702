use contract::Failure;

/// Checks the path by which a file names another one, and writes it plainly: components separated by one slash, without
/// `.`. Whatever leaves the folder of the file, or could be taken for another place by any system, is refused: absolute
/// paths, `..`, URLs, backslashes, drive letters, control characters.
///
/// Percent-encoding is the caller's: a glTF URI is decoded before it comes here, so that `%2e%2e` cannot slip through.
///
/// ```
/// assert_eq!(operation::companion_path("./textures//wood.png").unwrap(), "textures/wood.png");
/// assert!(operation::companion_path("../other-customer/secret.png").is_err());
/// assert!(operation::companion_path("http://169.254.169.254/latest/meta-data").is_err());
/// ```
pub fn companion_path(relative: &str) -> Result<String, Failure> {
    let refused = |reason: &str| {
        let shown: String = relative.chars().take(100).collect();
        Err(Failure::invalid_input(format!("the file names another file, {shown:?}, which is refused: {reason}")))
    };
    if relative.len() > 1024 {
        return refused("the path is longer than 1024 bytes");
    }
    if relative.starts_with('/') {
        return refused("the path is absolute");
    }
    if relative.contains('\\') {
        return refused("the path has a backslash");
    }
    if relative.chars().any(char::is_control) {
        return refused("the path has control characters");
    }
    if relative.split('/').any(|component| component == "..") {
        return refused("the path leaves the folder");
    }
    let components: Vec<&str> = relative.split('/').filter(|part| !part.is_empty() && *part != ".").collect();
    // A colon in the first component is a URL's scheme or a drive letter (RFC 3986, section 4.2), and would be one again in
    // the path without its dots.
    if components.first().is_some_and(|first| first.contains(':')) {
        return refused("it is a URL or has a drive letter");
    }
    if components.is_empty() || relative.ends_with('/') {
        return refused("it names no file");
    }
    if components.iter().any(|component| component.len() > 255) {
        return refused("a component is longer than 255 bytes");
    }
    Ok(components.join("/"))
}

#[cfg(test)]
mod tests {
    use std::path::{Component, Path};

    use proptest::prelude::*;

    use super::*;
    use contract::FailureKind;

    #[test]
    fn plain_relative_paths_are_taken_and_tidied() {
        for (given, plain) in [
            ("wood.png", "wood.png"),
            ("textures/wood.png", "textures/wood.png"),
            ("./a/./b//c.bin", "a/b/c.bin"),
            ("a b/ü (1).png", "a b/ü (1).png"),
            ("a/b:c.png", "a/b:c.png"),
            ("..a/b..", "..a/b.."),
        ] {
            assert_eq!(companion_path(given).unwrap(), plain);
        }
    }

    #[test]
    fn whatever_leaves_the_folder_is_refused_with_its_reason() {
        for (given, reason) in [
            ("/etc/passwd", "absolute"),
            ("//host/share", "absolute"),
            ("..", "leaves the folder"),
            ("a/../../b", "leaves the folder"),
            ("a/..", "leaves the folder"),
            ("a\\..\\b", "backslash"),
            ("\\\\host\\share", "backslash"),
            ("C:/windows", "drive letter"),
            ("C:file", "drive letter"),
            ("./C:file", "drive letter"),
            (".//./s3://bucket/key", "URL"),
            ("http://169.254.169.254/", "URL"),
            ("file:///etc/passwd", "URL"),
            ("data:text/plain,x", "URL"),
            ("a\0b", "control"),
            ("a\nb", "control"),
            ("", "names no file"),
            (".", "names no file"),
            ("./", "names no file"),
            ("a/", "names no file"),
        ] {
            let failure = companion_path(given).expect_err(given);
            assert_eq!(failure.kind(), FailureKind::InvalidInput);
            assert!(failure.to_string().contains(reason), "{given:?}: {failure}");
        }
        assert!(companion_path(&"a/".repeat(2000)).is_err());
        assert!(companion_path(&"a".repeat(256)).is_err());
    }

    proptest! {
        #[test]
        fn what_is_taken_stays_below_the_folder(text in "[a./\\\\:%é \\x00]{0,12}") {
            if let Ok(path) = companion_path(&text) {
                prop_assert!(Path::new(&path).components().all(|component| matches!(component, Component::Normal(_))));
                prop_assert_eq!(companion_path(&path).unwrap(), path);
            }
        }
    }
}
