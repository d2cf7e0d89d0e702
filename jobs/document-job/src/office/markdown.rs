//! Markdown as it flows. It is read as the HTML that it stands for, because it may hold any HTML itself: tables, details,
//! whole pages.

use pulldown_cmark::{CowStr, Event, MetadataBlockKind, Options, Parser, Tag, TagEnd, html};

use super::markup::{self, Page};

/// Reads a Markdown document.
pub(crate) fn read(markdown: &str) -> Page {
    let options = Options::ENABLE_TABLES
        | Options::ENABLE_STRIKETHROUGH
        | Options::ENABLE_FOOTNOTES
        | Options::ENABLE_TASKLISTS
        | Options::ENABLE_GFM
        | Options::ENABLE_YAML_STYLE_METADATA_BLOCKS
        | Options::ENABLE_PLUSES_DELIMITED_METADATA_BLOCKS;
    let mut front = String::new();
    let mut in_front = false;
    let events = Parser::new_ext(markdown, options).filter_map(|event| match event {
        Event::Start(Tag::MetadataBlock(MetadataBlockKind::YamlStyle | MetadataBlockKind::PlusesStyle)) => {
            in_front = true;
            None
        }
        Event::End(TagEnd::MetadataBlock(_)) => {
            in_front = false;
            None
        }
        Event::Text(text) if in_front => {
            front.push_str(&text);
            None
        }
        // Tags behind which a browser takes everything for something else: within a line they are what somebody writes about.
        Event::InlineHtml(tag) if swallows(&tag) => Some(Event::Text(CowStr::from(tag.into_string()))),
        event => Some(event),
    });
    let mut page = String::with_capacity(markdown.len() * 3 / 2);
    html::push_html(&mut page, events);
    let page = markup::read(&page);
    let value = |key: &str| {
        let line = front.lines().find_map(|line| line.strip_prefix(key)?.trim_start().strip_prefix([':', '=']))?;
        let value = line.trim().trim_matches(['"', '\'']).trim();
        (!value.is_empty()).then(|| value.to_owned())
    };
    Page {
        title: page.title.or_else(|| value("title")),
        author: page.author.or_else(|| value("author")),
        language: page.language.or_else(|| value("lang")),
        ..page
    }
}

/// As GitHub's tag filter has them.
fn swallows(tag: &str) -> bool {
    let name =
        tag.trim_start_matches(['<', '/']).split(|char: char| !char.is_ascii_alphanumeric()).next().unwrap_or_default();
    ["title", "textarea", "style", "xmp", "iframe", "noembed", "noframes", "script", "plaintext"]
        .iter()
        .any(|swallowing| name.eq_ignore_ascii_case(swallowing))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flow::{plain, write_markdown};

    fn again(markdown: &str) -> String {
        let mut written = String::new();
        write_markdown(&mut written, &read(markdown).flows);
        written
    }

    #[test]
    fn markdown_comes_out_as_it_went_in() {
        for markdown in [
            "# Head\n\nOne **two** *three* `four`\\\nfive [six](https://x.org/a)\n\n",
            "7. seven\n8. eight\n   - below\n\n",
            "| a | b |\n| --- | --- |\n| 1 | 2 |\n\n",
            "Text[^1]\n\n[^1]: Note.\n\n",
            "- Install it:\n\n```\nmake\n```\n\n",
        ] {
            assert_eq!(again(markdown), markdown);
        }
    }

    #[test]
    fn html_within_markdown_is_text() {
        let page = read(
            "---\ntitle: \"The Title\"\n---\n\n# Real\n\n<div>\n\nRead **this**.\n\n<table><tr><td>alpha</td><td>17</td></tr></table>\n</div>\n\nUse <title> and <script> <b>well</b>.\n",
        );
        assert_eq!(page.title.as_deref(), Some("The Title"));
        assert_eq!(plain(&page.flows), "Real\n\nRead this.\n\nalpha\t17\n\nUse <title> and <script> well.\n");
    }

    #[test]
    fn no_word_is_lost_whatever_the_mix() {
        let pieces = [
            "word1 ",
            "<b>word2</b> ",
            "\n\n<table><tr><td>word3</td></tr></table>\n\n",
            "- word4\n",
            "<details>\n<summary>word5</summary>\n\nword6\n</details>\n",
            "<!-- no -->",
            "`word7`",
            "> word8\n\n",
            "<td>word9",
            "</div>",
        ];
        for first in 0..pieces.len() {
            for second in 0..pieces.len() {
                let markdown = format!("{}{}end", pieces[first], pieces[second]);
                let text = plain(&read(&markdown).flows);
                for word in ["word1", "word2", "word3", "word4", "word5", "word6", "word7", "word8", "word9"] {
                    assert!(!markdown.contains(word) || text.contains(word), "{word} of {markdown:?}: {text:?}");
                }
            }
        }
    }
}
