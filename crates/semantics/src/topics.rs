//! Topics of a text among the seventeen of the IPTC's media topics, by the nearness of its embedding to those of their descriptions.
//!
//! Nothing is learnt: what a topic is, a sentence says. The numbers are only good for an order, so that a topic is given with its lead
//! over the usual text, and a text that is near to nothing has none.

use crate::embedding::cosine;

/// The topics with what is embedded for each.
pub const TOPICS: [(&str, &str); 17] = [
    ("arts, culture and entertainment", "arts, culture, music, film, literature, theatre and entertainment"),
    ("conflict, war and peace", "armed conflict, war, terrorism, peace negotiations and the military"),
    ("crime, law and justice", "crime, police, courts, laws, contracts and justice"),
    ("disaster and accident", "disasters, accidents, fires, earthquakes, floods and emergencies"),
    ("economy, business and finance", "economy, business, companies, markets, banking, invoices and finance"),
    ("education", "education, schools, universities, teaching and students"),
    ("environment", "environment, nature, climate change, pollution and conservation"),
    ("health", "health, diseases, medicine, hospitals and treatment"),
    ("human interest", "people, celebrities, ceremonies, awards and curiosities"),
    ("labour", "labour, employment, wages, trade unions and working conditions"),
    ("lifestyle and leisure", "lifestyle, leisure, travel, food, fashion, games and hobbies"),
    ("politics", "politics, government, elections, parliaments and public policy"),
    ("religion and belief", "religion, belief, churches and faith"),
    ("science and technology", "science, research, technology, computers, software and engineering"),
    ("society", "society, population, families, welfare, discrimination and values"),
    ("sport", "sport, matches, athletes, teams and competitions"),
    ("weather", "weather, forecasts, temperature, rain and wind"),
];

/// Topics of a text.
const MOST: usize = 3;
/// How far above the mean of all topics a topic has to be, in standard deviations.
const LEAST_LEAD: f32 = 1.0;

/// The topics of a text, the nearest first, each with its lead over the mean of all topics in standard deviations.
pub fn topics(text: &[f32], of_topics: &[Vec<f32>]) -> Vec<(&'static str, f32)> {
    let near: Vec<f32> = of_topics.iter().map(|topic| cosine(text, topic)).collect();
    let mean = near.iter().sum::<f32>() / near.len().max(1) as f32;
    let deviation =
        (near.iter().map(|near| (near - mean).powi(2)).sum::<f32>() / near.len().max(1) as f32).sqrt().max(1e-6);
    let mut leads: Vec<(&'static str, f32)> =
        TOPICS.iter().zip(near).map(|((name, _), near)| (*name, (near - mean) / deviation)).collect();
    leads.sort_by(|one, other| other.1.total_cmp(&one.1));
    leads.into_iter().take(MOST).filter(|(_, lead)| *lead >= LEAST_LEAD).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn topics_are_those_that_lead() {
        let unit = |at: usize| (0..TOPICS.len()).map(|place| f32::from(u8::from(place == at))).collect::<Vec<_>>();
        let all: Vec<Vec<f32>> = (0..TOPICS.len()).map(unit).collect();
        let mut text = [0.1; TOPICS.len()];
        (text[15], text[7]) = (1.0, 0.6);
        let found: Vec<&str> = topics(&text, &all).into_iter().map(|(name, _)| name).collect();
        assert_eq!(found, ["sport", "health"]);
        assert_eq!(topics(&[0.1; TOPICS.len()], &all), []);
    }
}
