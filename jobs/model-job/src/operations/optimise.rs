//! Makes a 3D model small and quick to draw: `optimise?simplify=0.5`.

use catalog::operations::{Compress, Optimise};
use contract::{Failure, Properties};
use operation::Task;
use serde_json::{Value, json};

use crate::report::{Figures, StepReport, bounds, report};
use crate::step::{
    Context, animation, deduplicate, instance, join, lists, palette, prune, quantise, reorder, simplify, textures, weld,
};
use crate::write::{Glb, write};
use scene::document::Document;
use scene::load::load;

/// Writes `model.glb`, `report.json` and, where levels of detail are asked for, `model-lod1.glb` and so on.
pub fn optimise(options: &Optimise, task: &Task) -> Result<Properties, Failure> {
    let (glb, mut facts) = optimised(options, options.simplify, task)?;
    let properties = summary(&facts);
    write_model("model.glb", &glb, &facts, task)?;
    drop(glb);
    let mut levels = Vec::new();
    for (at, &fraction) in options.lods.iter().enumerate() {
        let (glb, level) = optimised(options, Some(fraction), task)?;
        let name = format!("model-lod{}.glb", at + 1);
        write_model(&name, &glb, &level, task)?;
        levels.push(json!({ "file": name, "fraction": fraction, "report": level }));
    }
    if !levels.is_empty() {
        facts["levelsOfDetail"] = Value::Array(levels);
    }
    let text = serde_json::to_vec_pretty(&facts)
        .map_err(|error| Failure::internal("the report cannot be written").because(error))?;
    task.outputs.write("report.json", "application/json", &text, Properties::new())?;
    Ok(properties)
}

/// The steps, in their order.
fn optimised(options: &Optimise, fraction: Option<f64>, task: &Task) -> Result<(Glb, Value), Failure> {
    let mut document = load(&task.input)?;
    task.progress.report(0.2);
    let before = Figures::of(&document);
    if let Some(name) = &document.frozen_by {
        document.warnings.push(format!(
            "{name} is unknown and may refer to anything by number: nothing was pruned, merged, joined or instanced"
        ));
    }
    let mut context = Context {
        options,
        position_error: 0.0,
        relative_position_error: 0.0,
        simplification_error: 0.0,
        folded_channels: 0,
    };
    let context = &mut context;
    let mut steps = Steps { reports: Vec::new() };

    steps.run("lists", true, &mut document, lists::lists);
    steps.run("prune", options.prune, &mut document, |document| prune::prune(document, context));
    steps.run("deduplicate", options.deduplicate, &mut document, deduplicate::deduplicate);
    steps.run("instance", options.instance, &mut document, |document| instance::instance(document, context));
    steps.try_run("palette", options.palette && options.join, &mut document, |document| {
        palette::palette(document, context)
    })?;
    steps.run("join", options.join, &mut document, |document| join::join(document, context));
    steps.run("clean", options.prune, &mut document, prune::unused);
    if let Some(fraction) = fraction {
        // Simplification sees which triangles are neighbours by their vertices.
        steps.run("weld", options.weld, &mut document, weld::weld);
        steps.run("simplify", true, &mut document, |document| simplify::simplify(document, fraction, context));
    }
    let bounds = bounds(&document);
    steps.run("quantise", options.quantise, &mut document, |document| quantise::quantise(document, context));
    steps.run("weld", options.weld, &mut document, weld::weld);
    task.progress.report(0.3);
    steps.run("reorder", true, &mut document, |document| reorder::reorder(document, context));
    steps.run("resample", options.resample, &mut document, |document| animation::resample(document, context));
    let filters = options.quantise && options.compress == Compress::Meshopt;
    steps.run("filter", filters, &mut document, animation::filter);
    task.progress.report(0.5);
    textures::textures(&mut document, context, &task.progress);
    let glb = write(&document, options.compress)?;
    document.warnings.iter().for_each(|warning| task.outputs.warn(warning));

    let mut facts = report(task.input.size(), &before, &steps.reports, &document, &glb, context);
    facts["bounds"] = bounds;
    Ok((glb, facts))
}

struct Steps {
    reports: Vec<StepReport>,
}

impl Steps {
    fn run(&mut self, name: &'static str, wanted: bool, document: &mut Document, step: impl FnOnce(&mut Document)) {
        let result: Result<(), std::convert::Infallible> = self.try_run(name, wanted, document, |document| {
            step(document);
            Ok(())
        });
        let Ok(()) = result;
    }

    fn try_run<E>(
        &mut self,
        name: &'static str,
        wanted: bool,
        document: &mut Document,
        step: impl FnOnce(&mut Document) -> Result<(), E>,
    ) -> Result<(), E> {
        if wanted {
            let before = Figures::of(document);
            step(document)?;
            self.reports.push(StepReport { name, before, after: Figures::of(document) });
        }
        Ok(())
    }
}

fn write_model(name: &str, glb: &Glb, facts: &Value, task: &Task) -> Result<(), Failure> {
    task.outputs.write(name, "model/gltf-binary", &glb.bytes, summary(facts))
}

/// What the manifest says of a model.
fn summary(facts: &Value) -> Properties {
    let mut summary = Properties::new();
    for key in ["triangles", "vertices", "drawCalls", "materials", "textures", "jsonBytes", "imageBytes"] {
        summary.insert(key.to_owned(), facts["after"][key].clone());
    }
    summary.insert("bounds".to_owned(), facts["bounds"].clone());
    summary
}
