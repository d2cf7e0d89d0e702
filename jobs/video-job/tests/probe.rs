//! What a probe says is what is there.

mod support;

use support::{Fixture, run};

fn facts_of(fixture: &Fixture, name: &str) -> serde_json::Value {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    fixture.write(&path);
    let run = run(&path, "probe");
    let written = run.json("probe.json");
    assert_eq!(serde_json::to_value(run.properties()).unwrap(), written);
    written
}

#[test]
fn streams_sizes_rates_and_the_place_of_the_index_are_told() {
    let fixture = Fixture { audio_tracks: 2, ..Fixture::default() };
    let facts = facts_of(&fixture, "a.mp4");
    assert_eq!(
        (&facts["format"], &facts["indexAtEnd"], &facts["fragmented"]),
        (&"mp4".into(), &true.into(), &false.into())
    );
    assert!((facts["duration"].as_f64().unwrap() - 5.0).abs() < 0.1);
    let video = &facts["streams"][0];
    assert_eq!(
        (&video["kind"], &video["codec"], &video["width"], &video["height"]),
        (&"video".into(), &"h264".into(), &160.into(), &96.into())
    );
    assert_eq!(video["averageFrameRate"]["exact"], "24/1");
    assert_eq!((&video["hdr"], &video["variableFrameRate"]), (&serde_json::Value::Null, &false.into()));
    let audio = &facts["streams"][2];
    assert_eq!(
        (&audio["kind"], &audio["sampleRate"], &audio["channels"]),
        (&"audio".into(), &48_000.into(), &2.into())
    );

    let front = facts_of(&Fixture { muxer: &[("movflags", "faststart")], ..fixture }, "a.mp4");
    assert_eq!(front["indexAtEnd"], false);
}

#[test]
fn rotation_dynamic_range_and_variable_rates_are_told() {
    let facts = facts_of(&Fixture { rotation: 90.0, ..Fixture::default() }, "a.mov");
    assert_eq!(facts["streams"][0]["rotation"], 90);
    let facts = facts_of(&Fixture { codec: "libx265", is_pq: true, frames: 24, ..Fixture::default() }, "a.mkv");
    assert_eq!(
        (&facts["streams"][0]["hdr"], &facts["streams"][0]["colour"]["primaries"]),
        (&"PQ".into(), &"bt2020".into())
    );
    let facts = facts_of(&Fixture { is_variable: true, ..Fixture::default() }, "a.mp4");
    assert_eq!(facts["streams"][0]["variableFrameRate"], true);
}

#[test]
fn audio_without_pictures_is_told_whatever_its_container() {
    // Silence of 8 kHz as WAVE, one second.
    let mut wave =
        b"RIFF\x64\x1F\0\0WAVEfmt \x10\0\0\0\x01\0\x01\0\x40\x1F\0\0\x40\x1F\0\0\x01\0\x08\0data\x40\x1F\0\0".to_vec();
    wave.extend([128; 8000]);
    let whole = support::run_on(wave.clone(), catalog::Format::Wav, u64::MAX, "probe").json("probe.json");
    assert_eq!((&whole["format"], &whole["streams"][0]["sampleRate"]), (&"wav".into(), &8000.into()));
    assert!((whole["duration"].as_f64().unwrap() - 1.0).abs() < 0.01);
    assert_eq!(whole["truncated"], serde_json::Value::Null);
    let cut = support::run_on(wave[..4000].to_vec(), catalog::Format::Wav, u64::MAX, "probe").json("probe.json");
    assert_eq!((&cut["truncated"], &cut["expectedSize"]), (&true.into(), &8044.into()));
}
