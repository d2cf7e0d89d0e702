//! The document job beside poppler's pdftotext, PDFium and MuPDF: the error on pages whose text is known; over a folder
//! of PDFs quality against the consensus of the other three, failures, and CPU time and memory of whole processes.
//!
//!     cargo run --release --bin bench-document -- [--folder DIR] [--ours PROGRAM] [--worst COUNT] \
//!         [--no-speed]

use std::collections::HashMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use benches::{Measured, Subject, Usage, print, run, table};

/// Seconds that a tool may take for one file.
const TIME_LIMIT: &str = "60";
const PDFIUM_VERSION: &str = "5.15.2";
const PDFIUM_SCRIPT: &str = "\
import sys, pypdfium2
document = pypdfium2.PdfDocument(sys.argv[1])
if document.get_formtype(): document.init_forms()
with open(sys.argv[2], 'w', encoding='utf-8', errors='replace') as out:
    for page in document: out.write(page.get_textpage().get_text_range() + '\\f')
";

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Tool {
    Ours,
    Pdftotext,
    Pdfium,
    Mutool,
}

impl Tool {
    const ALL: [Self; 4] = [Self::Ours, Self::Pdftotext, Self::Pdfium, Self::Mutool];

    fn name(self) -> &'static str {
        match self {
            Self::Ours => "document-job",
            Self::Pdftotext => "pdftotext",
            Self::Pdfium => "PDFium",
            Self::Mutool => "mutool",
        }
    }

    fn command(self, setup: &Setup, input: &Path, output: &Path) -> Command {
        let mut command = match self {
            Self::Ours => Command::new(&setup.ours),
            Self::Pdftotext => Command::new("pdftotext"),
            Self::Pdfium => Command::new(&setup.python),
            Self::Mutool => Command::new("mutool"),
        };
        match self {
            Self::Ours => command.args(&setup.ours_arguments).arg(input).arg(output),
            Self::Pdftotext => command.arg("-q").arg(input).arg(output),
            Self::Pdfium => command.args(["-c", PDFIUM_SCRIPT]).arg(input).arg(output),
            Self::Mutool => command.args(["draw", "-q", "-F", "txt", "-o"]).arg(output).arg(input),
        };
        command
    }
}

struct Setup {
    ours: PathBuf,
    ours_arguments: Vec<String>,
    python: PathBuf,
}

/// One file's tokens by each tool; none where the tool failed.
struct Extracted {
    name: String,
    tokens: [Option<Vec<u32>>; 4],
}

fn main() -> Result<()> {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut folder = workspace.join("../shared/corpus/documents");
    let mut ours = workspace.join("target/release/document-job");
    let mut worst = 15;
    let mut with_speed = true;
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        let mut value = || arguments.next().with_context(|| format!("{argument} needs a value"));
        match argument.as_str() {
            "--folder" => folder = value()?.into(),
            "--ours" => ours = value()?.into(),
            "--worst" => worst = value()?.parse()?,
            "--no-speed" => with_speed = false,
            other => bail!("unknown argument {other}"),
        }
    }
    let is_job = ours.file_name().is_some_and(|name| name == "document-job");
    let setup = Setup {
        ours,
        ours_arguments: if is_job { vec!["text".to_owned(), "--formats=text".to_owned()] } else { Vec::new() },
        python: pdfium(&workspace)?,
    };
    let files = pdfs(&folder)?;
    let scratch = workspace.join("target/document-quality");
    truth(&setup, &workspace.join("jobs/document-job/tests/fixtures/pages"), &scratch.join("pages"))?;
    quality(&setup, &files, &scratch, worst)?;
    if with_speed { speed(&setup, &files) } else { Ok(()) }
}

fn pdfs(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut files: Vec<PathBuf> = fs_err::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect::<Result<_>>()?;
    files.retain(|path| path.extension().is_some_and(|extension| extension == "pdf"));
    files.sort();
    if files.is_empty() {
        bail!("there are no PDFs in {}", folder.display());
    }
    Ok(files)
}

/// PDFium comes in a Python package.
fn pdfium(workspace: &Path) -> Result<PathBuf> {
    let home = workspace.join("target/pdfium");
    let python = home.join("bin/python");
    if !python.exists() {
        let status = Command::new("python3").args(["-m", "venv"]).arg(&home).status()?;
        let package = format!("pypdfium2=={PDFIUM_VERSION}");
        let installed = Command::new(home.join("bin/pip")).args(["install", "-q", &package]).status()?;
        if !status.success() || !installed.success() {
            bail!("cannot install {package} into {}", home.display());
        }
    }
    Ok(python)
}

// --- pages whose text is known ---

/// Each tool's error: one less the similarity of its words with the true ones, in their order.
fn truth(setup: &Setup, folder: &Path, scratch: &Path) -> Result<()> {
    let mut numbers = HashMap::new();
    let mut errors = [const { Vec::new() }; 4];
    let mut rows = String::new();
    for file in pdfs(folder)? {
        let name = file.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let expected = tokenise(&fs_err::read_to_string(file.with_extension("txt"))?, &mut numbers);
        let mut row = format!("| {name} |");
        for (errors, tool) in errors.iter_mut().zip(Tool::ALL) {
            let text = extract(setup, tool, &file, scratch, &name)?.unwrap_or_default();
            let error = 1.0 - similarity(&expected, &tokenise(&text, &mut numbers));
            let _ = write!(row, " {error:.3} |");
            errors.push(error);
        }
        let worst = errors.iter().filter_map(|errors| errors.last()).fold(0.0, |worst: f64, error| worst.max(*error));
        if worst >= 0.0005 {
            rows.push_str(&row);
            rows.push('\n');
        }
    }
    let names = Tool::ALL.map(Tool::name).join(" | ");
    let means = errors.each_ref().map(|errors| format!("{:.4}", errors.iter().sum::<f64>() / errors.len() as f64));
    print(&format!(
        "\n### Error on {} pages whose text is known\n\n| | {names} |\n| --- | ---: | ---: | ---: | ---: |\n\
         | mean | {} |\n{rows}",
        errors[0].len(),
        means.join(" | ")
    ));
    Ok(())
}

// --- quality ---

fn quality(setup: &Setup, files: &[PathBuf], scratch: &Path, worst: usize) -> Result<()> {
    let mut numbers = HashMap::new();
    let mut extracted = Vec::new();
    for file in files {
        let name = file.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let mut tokens = [const { None }; 4];
        for (slot, tool) in tokens.iter_mut().zip(Tool::ALL) {
            let text = extract(setup, tool, file, scratch, &name)?;
            *slot = text.map(|text| tokenise(&text, &mut numbers));
        }
        extracted.push(Extracted { name, tokens });
    }
    let mut report = format!(
        "\n### Quality over {} files\n\nEach tool against the consensus of the other three, on the files where these \
         agree on half of what they find.\n\n\
         | | token F1 | order | failures | of files |\n| --- | ---: | ---: | ---: | ---: |\n",
        files.len()
    );
    let mut ours = Vec::new();
    for (at, tool) in Tool::ALL.into_iter().enumerate() {
        let scores: Vec<Score> = extracted.iter().filter_map(|file| score(file, at)).collect();
        let mean = |of: fn(&Score) -> f64| scores.iter().map(of).sum::<f64>() / scores.len() as f64;
        let failures = scores.iter().filter(|score| score.failed).count();
        let _ = writeln!(
            report,
            "| {} | {:.4} | {:.4} | {failures} | {} |",
            tool.name(),
            mean(|score| score.f1),
            mean(|score| score.order),
            scores.len()
        );
        if tool == Tool::Ours {
            ours = scores;
        }
    }
    print(&report);
    for (title, of) in [("F1", (|score| score.f1) as fn(&Score) -> f64), ("order", |score| score.order)] {
        ours.sort_by(|one, other| of(one).total_cmp(&of(other)));
        let list: Vec<String> = ours
            .iter()
            .take(worst)
            .map(|score| format!("{:.3} {:.3} {:6} {}", score.f1, score.order, score.tokens, score.name))
            .collect();
        print(&format!("Lowest by {title} (F1, order, tokens):\n{}\n", list.join("\n")));
    }
    Ok(())
}

/// The text that a tool finds; none where it fails. What the peers find is kept between runs.
fn extract(setup: &Setup, tool: Tool, file: &Path, scratch: &Path, name: &str) -> Result<Option<String>> {
    let folder = scratch.join(tool.name());
    fs_err::create_dir_all(&folder)?;
    let output = folder.join(if tool == Tool::Ours { name.to_owned() } else { format!("{name}.txt") });
    if tool == Tool::Ours && output.exists() {
        fs_err::remove_dir_all(&output)?;
    }
    let failed = output.with_extension("failed");
    if tool == Tool::Ours || !(output.exists() || failed.exists()) {
        // Whatever a tool does with a file, it ends. What is timed has been here before, and runs without this.
        let tool_command = tool.command(setup, file, &output);
        let mut command = Command::new("timeout");
        command.arg(TIME_LIMIT).arg(tool_command.get_program()).args(tool_command.get_args());
        let status = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status()?;
        if !status.success() {
            fs_err::write(&failed, status.to_string())?;
            return Ok(None);
        }
        let _ = std::fs::remove_file(&failed);
    }
    if tool != Tool::Ours && failed.exists() {
        return Ok(None);
    }
    let text = if tool == Tool::Ours { find(&output, "text.txt")? } else { output };
    Ok(Some(String::from_utf8_lossy(&fs_err::read(text)?).into_owned()))
}

/// A file of that name, somewhere below a folder.
fn find(folder: &Path, name: &str) -> Result<PathBuf> {
    let mut pending = vec![folder.to_owned()];
    while let Some(folder) = pending.pop() {
        for entry in fs_err::read_dir(&folder)? {
            let path = entry?.path();
            if path.file_name().is_some_and(|found| found == name) {
                return Ok(path);
            }
            if path.is_dir() {
                pending.push(path);
            }
        }
    }
    bail!("there is no {name} in {}", folder.display())
}

/// Words between white space, and each ideograph by itself; compatibility forms, hyphens at line ends and soft hyphens
/// are made alike, so that tools are compared in what they read and not in how they write it.
fn tokenise(text: &str, numbers: &mut HashMap<String, u32>) -> Vec<u32> {
    use unicode_normalization::UnicodeNormalization as _;
    let mut plain = String::with_capacity(text.len());
    for char in text.nfkc() {
        match u32::from(char) {
            0xAD | 0xFFFE | 0xFFFF | 0x200B..=0x200F | 0x202A..=0x202E | 0x2060..=0x2069 | 0xFEFF | 0x640 => {}
            2 | 0x2010 | 0x2011 => plain.push('-'),
            0x2E80..=0x9FFF | 0xAC00..=0xD7A3 | 0xF900..=0xFAFF | 0x20000..=0x3FFFF => {
                plain.push(' ');
                plain.push(char);
                plain.push(' ');
            }
            _ => plain.push(char),
        }
    }
    let mut words: Vec<String> = Vec::new();
    let mut joins = false;
    for line in plain.lines() {
        for (at, word) in line.split_whitespace().enumerate() {
            let is_lower = word.starts_with(char::is_lowercase);
            match words.last_mut() {
                Some(last) if joins && at == 0 && is_lower => {
                    last.pop();
                    last.push_str(word);
                }
                _ => words.push(word.to_owned()),
            }
            joins = false;
        }
        joins = words.last().is_some_and(|word| {
            word.len() > 2 && word.ends_with('-') && word.chars().rev().nth(1).is_some_and(char::is_lowercase)
        });
    }
    let mut tokens = Vec::with_capacity(words.len());
    for word in words {
        let next = numbers.len() as u32;
        tokens.push(*numbers.entry(word).or_insert(next));
    }
    tokens
}

struct Score {
    name: String,
    f1: f64,
    order: f64,
    tokens: usize,
    failed: bool,
}

/// A tool against the others; none where the others find nothing, or nothing that they agree on.
fn score(file: &Extracted, at: usize) -> Option<Score> {
    let others: Vec<&Vec<u32>> = file
        .tokens
        .iter()
        .enumerate()
        .filter(|(other, _)| *other != at)
        .filter_map(|(_, tokens)| tokens.as_ref())
        .collect();
    let counted: Vec<HashMap<u32, usize>> = others.iter().map(|tokens| count(tokens)).collect();
    // How often a token stands in the middle one of the others.
    let mut consensus: HashMap<u32, usize> = HashMap::new();
    for token in counted.iter().flat_map(HashMap::keys) {
        let mut counts: Vec<usize> = counted.iter().map(|counts| counts.get(token).copied().unwrap_or(0)).collect();
        counts.sort_unstable();
        let middle = counts[(counts.len() - 1) / 2];
        if middle > 0 {
            consensus.insert(*token, middle);
        }
    }
    let expected: usize = consensus.values().sum();
    // Where the others read different things there is nothing to compare with: what two of them get wrong alike would
    // count as right.
    let mut lengths: Vec<usize> = others.iter().map(|tokens| tokens.len()).collect();
    lengths.sort_unstable();
    let usual = lengths.get(lengths.len() / 2).copied().unwrap_or(0);
    if expected == 0 || expected * 2 < usual {
        return None;
    }
    let Some(tokens) = &file.tokens[at] else {
        return Some(Score { name: file.name.clone(), f1: 0.0, order: 0.0, tokens: 0, failed: true });
    };
    let found = count(tokens);
    let shared: usize =
        found.iter().map(|(token, count)| (*count).min(consensus.get(token).copied().unwrap_or(0))).sum();
    let similarities: Vec<f64> =
        others.iter().filter(|other| !other.is_empty()).map(|other| similarity(tokens, other)).collect();
    Some(Score {
        name: file.name.clone(),
        f1: 2.0 * shared as f64 / (tokens.len() + expected) as f64,
        order: similarities.iter().sum::<f64>() / similarities.len() as f64,
        tokens: expected,
        failed: tokens.is_empty(),
    })
}

fn count(tokens: &[u32]) -> HashMap<u32, usize> {
    let mut counts = HashMap::new();
    for token in tokens {
        *counts.entry(*token).or_default() += 1;
    }
    counts
}

/// Twice the longest common subsequence over both lengths, by Hyyrö's bit-parallel method.
fn similarity(one: &[u32], other: &[u32]) -> f64 {
    let words = one.len().div_ceil(64);
    let mut places: HashMap<u32, Vec<u64>> = HashMap::new();
    for (at, token) in one.iter().enumerate() {
        places.entry(*token).or_insert_with(|| vec![0; words])[at / 64] |= 1 << (at % 64);
    }
    let mut row = vec![u64::MAX; words];
    for token in other {
        let Some(matches) = places.get(token) else { continue };
        let mut carry = false;
        for (bits, matches) in row.iter_mut().zip(matches) {
            let common = *bits & matches;
            let (sum, first) = bits.overflowing_add(common);
            let (sum, second) = sum.overflowing_add(u64::from(carry));
            carry = first || second;
            *bits = sum | (*bits - common);
        }
    }
    let rest = one.len() % 64;
    let common: u32 = row
        .iter()
        .enumerate()
        .map(|(at, bits)| {
            let mask = if at + 1 == words && rest > 0 { (1 << rest) - 1 } else { u64::MAX };
            (!bits & mask).count_ones()
        })
        .sum();
    2.0 * f64::from(common) / (one.len() + other.len()) as f64
}

// --- speed ---

/// Whole processes over every file that all tools read, each tool in turn.
fn speed(setup: &Setup, files: &[PathBuf]) -> Result<()> {
    const RUNS: usize = 3;
    let scratch = tempfile::tempdir()?;
    let mut totals = [Usage::default(); 4];
    let mut memory = [const { Vec::new() }; 4];
    let mut count = 0;
    for file in files {
        let mut of_file = [Usage::default(); 4];
        let mut all_read = true;
        for round in 0..=RUNS {
            for (at, tool) in Tool::ALL.into_iter().enumerate() {
                let output = scratch.path().join("output");
                let (input, target) = (file.clone(), output.clone());
                let copy = Setup {
                    ours: setup.ours.clone(),
                    ours_arguments: setup.ours_arguments.clone(),
                    python: setup.python.clone(),
                };
                let usage = run(&Subject::new(tool.name(), move || tool.command(&copy, &input, &target)));
                let _ = if output.is_dir() { std::fs::remove_dir_all(&output) } else { std::fs::remove_file(&output) };
                match usage {
                    Ok(usage) if round > 0 => {
                        of_file[at].cpu += usage.cpu / RUNS as u32;
                        of_file[at].wall += usage.wall / RUNS as u32;
                        of_file[at].peak_memory = of_file[at].peak_memory.max(usage.peak_memory);
                    }
                    Ok(_) => {}
                    Err(_) => all_read = false,
                }
            }
            if !all_read {
                break;
            }
        }
        if !all_read {
            continue;
        }
        count += 1;
        for at in 0..4 {
            totals[at].cpu += of_file[at].cpu;
            totals[at].wall += of_file[at].wall;
            memory[at].push(of_file[at].peak_memory);
        }
    }
    let measured: Vec<Measured> = Tool::ALL
        .into_iter()
        .enumerate()
        .map(|(at, tool)| {
            memory[at].sort_unstable();
            let peak_memory = memory[at].get(count * 95 / 100).copied().unwrap_or_default();
            Measured { name: tool.name().to_owned(), median: Usage { peak_memory, ..totals[at] } }
        })
        .collect();
    print(&table(&format!("{count} files, sums over the folder; memory at the 95th percentile"), &measured, RUNS));
    Ok(())
}
