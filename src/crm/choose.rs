//! From the names that models use to what the CRM offers: choices, people, pipelines, stages. Names are compared folded; a
//! miss is answered with the nearest ones (qontak-api.md section 3: names, not ids, at the model's side). Pure.

use crate::room::Refusal;
use crate::room::tag::fold;

use super::refusals::{ambiguous, stage_elsewhere, unknown};
use super::template::{Choice, Pipeline, Stage};

/// A choice by its name.
pub fn choice<'a>(code: &'static str, argument: &str, given: &str, choices: &'a [Choice]) -> Result<&'a Choice, Refusal> {
    let wanted = fold(given);
    let found = choices.iter().find(|choice| fold(&choice.name) == wanted);
    found.ok_or_else(|| unknown(code, argument, given, choices.iter().map(|choice| choice.name.as_str())))
}

/// A person by name or e-mail. Two of one name are told apart by their e-mail.
pub fn person<'a>(argument: &str, given: &str, people: &'a [Choice]) -> Result<&'a Choice, Refusal> {
    let wanted = fold(given);
    let by_email = people.iter().find(|person| person.email.as_deref().is_some_and(|email| fold(email) == wanted));
    if let Some(person) = by_email {
        return Ok(person);
    }
    let named: Vec<&Choice> = people.iter().filter(|person| fold(&person.name) == wanted).collect();
    match named.as_slice() {
        [person] => Ok(person),
        [] => {
            let code = if argument == "assignee" { "unknown_assignee" } else { "unknown_owner" };
            Err(unknown(code, argument, given, people.iter().map(|person| person.name.as_str())))
        }
        several => {
            let code = if argument == "assignee" { "ambiguous_assignee" } else { "ambiguous_owner" };
            let telling = |person: &&Choice| (person.email.clone().unwrap_or_default(), Some(person.name.clone()));
            Err(ambiguous(code, argument, given, several.iter().map(telling)))
        }
    }
}

pub fn pipeline<'a>(given: &str, pipelines: &'a [Pipeline]) -> Result<&'a Pipeline, Refusal> {
    let wanted = fold(given);
    let found = pipelines.iter().find(|pipeline| fold(&pipeline.name) == wanted);
    found.ok_or_else(|| unknown("unknown_pipeline", "pipeline", given, pipelines.iter().map(|pipeline| pipeline.name.as_str())))
}

/// A stage of this pipeline. `others`: the pipelines whose stages are known, to say where it really is.
pub fn stage<'a>(given: &str, pipeline: &'a Pipeline, others: &[Pipeline]) -> Result<&'a Stage, Refusal> {
    let wanted = fold(given);
    let is = |stage: &&Stage| fold(&stage.name) == wanted;
    if let Some(stage) = pipeline.stages.iter().find(is) {
        return Ok(stage);
    }
    let names = pipeline.stages.iter().map(|stage| stage.name.as_str());
    let elsewhere = others.iter().filter(|other| other.id != pipeline.id && other.stages.iter().any(|stage| is(&stage)));
    let elsewhere: Vec<&str> = elsewhere.map(|other| other.name.as_str()).collect();
    Err(if elsewhere.is_empty() {
        unknown("unknown_stage", "stage", given, names)
    } else {
        stage_elsewhere(given, &pipeline.name, &elsewhere, names)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn people() -> Vec<Choice> {
        let person = |id, name: &str, email: &str| Choice { id: Some(id), name: name.into(), email: Some(email.into()) };
        vec![
            person(1, "Ratri Contoh", "ratri@x.example"),
            person(2, "Bagas Misal", "bagas@x.example"),
            person(3, "bagas misal", "bagas.two@x.example"),
        ]
    }

    fn pipelines() -> Vec<Pipeline> {
        let stage = |id, name: &str| Stage { id, name: name.into(), order: id, win_probability: None };
        vec![
            Pipeline { id: 1, name: "Sales".into(), stages: vec![stage(11, "New lead"), stage(12, "Won")] },
            Pipeline { id: 2, name: "Renewals".into(), stages: vec![stage(21, "Due"), stage(22, "Renewed")] },
        ]
    }

    #[test]
    fn people_are_found_by_name_or_address_and_namesakes_told_apart() {
        assert_eq!(person("owner", " RATRI  contoh", &people()).unwrap().id, Some(1));
        assert_eq!(person("owner", "Bagas.Two@x.example", &people()).unwrap().id, Some(3));
        let refusal = person("owner", "Bagas Misal", &people()).unwrap_err();
        assert_eq!(refusal.code, "ambiguous_owner");
        let candidates: Vec<&str> = refusal.candidates.iter().map(|candidate| candidate.value.as_str()).collect();
        assert_eq!(candidates, ["bagas@x.example", "bagas.two@x.example"]);
        let refusal = person("owner", "Ratri", &people()).unwrap_err();
        assert_eq!((refusal.code, refusal.candidates[0].value.as_str()), ("unknown_owner", "Ratri Contoh"));
        assert_eq!(person("assignee", "Nobody", &people()).unwrap_err().code, "unknown_assignee");
    }

    #[test]
    fn a_stage_of_another_pipeline_is_said_to_be_one() {
        let all = pipelines();
        assert_eq!(stage("new LEAD", &all[0], &all).unwrap().id, 11);
        let refusal = stage("Renewed", &all[0], &all).unwrap_err();
        assert_eq!(refusal.code, "unknown_stage");
        assert!(refusal.message.contains("`Renewals`"), "{}", refusal.message);
        assert_eq!(refusal.allowed, ["New lead", "Won"]);
        let refusal = stage("Newlead", &all[0], &all).unwrap_err();
        assert_eq!((refusal.code, refusal.candidates[0].value.as_str()), ("unknown_stage", "New lead"));
    }

    #[test]
    fn an_unknown_pipeline_or_option_lists_what_there_is() {
        let refusal = pipeline("Sale", &pipelines()).unwrap_err();
        assert_eq!((refusal.code, refusal.candidates[0].value.as_str()), ("unknown_pipeline", "Sales"));
        let choices = [Choice { id: Some(1), name: "Low".into(), email: None }];
        assert_eq!(choice("unknown_option", "priority", "urgent", &choices).unwrap_err().allowed, ["Low"]);
        assert_eq!(choice("unknown_option", "priority", "LOW", &choices).unwrap().id, Some(1));
    }
}
