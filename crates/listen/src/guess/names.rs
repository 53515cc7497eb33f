//! How exports usually name their columns, the best known first.
//!
//! XES names (`concept:name`, as pm4py writes them) come before all others, because a table that has them has them on
//! purpose. Names are compared without capitals and punctuation. Those of German exports stand behind the English ones.

use crate::mapping::Role;

/// A name without capitals and punctuation: `case:concept:name` and `CaseConceptName` are the same.
pub(super) fn normal(name: &str) -> String {
    name.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

/// The first few, for a message; the very first is that of XES, which nobody would type.
pub(super) fn shown(names: &[&str]) -> String {
    let shown: Vec<&str> = names.iter().skip(1).take(6).copied().collect();
    format!("{} …", shown.join(", "))
}

pub(super) const EVENT: &[&str] = &[
    "conceptname",
    "activity",
    "activityname",
    "activityid",
    "event",
    "eventname",
    "eventtype",
    "ocelactivity",
    "action",
    "actionname",
    "actiontype",
    "task",
    "taskname",
    "step",
    "stepname",
    "moment",
    "touchpoint",
    "ereignis",
    "ereignistyp",
    "ereignisart",
    "vorgang",
    "vorgangsart",
    "aktivität",
    "aktivitaet",
    "aktion",
    "schritt",
    "tätigkeit",
];

/// Names of columns that say what happened only when nothing better is there.
pub(super) const EVENT_PERHAPS: &[&str] = &[
    "status",
    "state",
    "identstate",
    "incidentstate",
    "ticketstatus",
    "orderstatus",
    "type",
    "operation",
    "message",
    "typ",
    "art",
];

pub(super) const AT: &[&str] = &[
    "timetimestamp",
    "timestamp",
    "at",
    "eventtime",
    "eventtimestamp",
    "eventdate",
    "eventdatetime",
    "occurredat",
    "happenedat",
    "oceltimestamp",
    "completetimestamp",
    "originaltimestamp",
    "time",
    "datetime",
    "date",
    "ts",
    "transactiontimestamp",
    "createdat",
    "updatedat",
    "sysupdatedat",
    "created",
    "updated",
    "creationdate",
    "orderdate",
    "purchasedate",
    "transactiondate",
    "transactiontime",
    "unixtime",
    "epoch",
    "when",
    "zeitpunkt",
    "zeitstempel",
    "datum",
    "datumuhrzeit",
    "datumzeit",
    "zeit",
    "erstelltam",
    "angelegtam",
    "bestelldatum",
    "kaufdatum",
    "buchungsdatum",
];

/// Of the time of day, where the date stands in a column of its own.
pub(super) const TIME_OF_DAY: &[&str] = &["time", "timeofday", "eventtime", "clock", "zeit", "uhrzeit"];

pub(super) const START: &[&str] = &[
    "starttimestamp",
    "starttime",
    "startedat",
    "startdate",
    "startdatetime",
    "start",
    "begintime",
    "begin",
    "beginn",
    "startzeit",
    "startdatum",
    "anfang",
];

pub(super) const END: &[&str] = &[
    "endtimestamp",
    "endtime",
    "endedat",
    "enddate",
    "enddatetime",
    "end",
    "finishtime",
    "finishedat",
    "completedat",
    "ende",
    "endzeit",
    "enddatum",
    "endeam",
];

pub(super) const RECEIVED_AT: &[&str] =
    &["receivedat", "receivedtimestamp", "servertimestamp", "ingestedat", "loadedat"];

/// Identifiers of persons: names, kind of key, whether the name makes it sure.
pub(super) const PERSON: &[(&[&str], &str, bool)] = &[
    (
        &[
            "userid",
            "customerid",
            "customer",
            "customerno",
            "customernumber",
            "customernr",
            "clientid",
            "client",
            "householdid",
            "memberid",
            "subscriberid",
            "accountid",
            "contactid",
            "personid",
            "patientid",
            "studentid",
            "passengerid",
            "guestid",
            "callerid",
            "caller",
            "shopperid",
            "profileid",
            "distinctid",
            "user",
            "kunde",
            "kundenid",
            "kundennummer",
            "kundennr",
            "kdnr",
            "nutzer",
            "nutzerid",
            "benutzer",
            "benutzerid",
            "mitgliedsnummer",
            "patient",
            "patientennummer",
        ],
        "user_id",
        true,
    ),
    (&["anonymousid", "visitorid", "cookieid", "fullvisitorid", "userpseudoid"], "anonymous_id", true),
    (&["email", "emailaddress", "mail", "useremail", "customeremail", "emailadresse", "mailadresse"], "email", false),
    (
        &[
            "phone",
            "phonenumber",
            "mobile",
            "msisdn",
            "telephone",
            "rufnummer",
            "telefon",
            "telefonnummer",
            "handynummer",
            "mobilnummer",
        ],
        "phone",
        false,
    ),
];

pub(super) const CASE: &[&str] = &[
    "caseconceptname",
    "caseid",
    "case",
    "casenumber",
    "caseno",
    "traceid",
    "ticketid",
    "ticketnumber",
    "ticket",
    "incidentid",
    "incidentnumber",
    "incident",
    "orderid",
    "ordernumber",
    "requestid",
    "processinstanceid",
    "number",
    "fall",
    "fallid",
    "fallnummer",
    "vorgangsnummer",
    "vorgangsid",
    "ticketnummer",
    "bestellnummer",
    "auftragsnummer",
];

pub(super) const SESSION: &[&str] = &["sessionid", "session", "visitid", "sitzung", "sitzungsid"];

pub(super) const OTHERS: &[(Role, &[&str])] = &[
    (Role::Phase, &["lifecycletransition", "lifecycle", "phase", "transition"]),
    (
        Role::Resource,
        &[
            "orgresource",
            "resource",
            "agent",
            "agentid",
            "operator",
            "assignedto",
            "handledby",
            "performer",
            "employee",
            "mitarbeiter",
            "bearbeiter",
            "sachbearbeiter",
        ],
    ),
    (Role::Department, &["orggroup", "department", "dept", "team", "assignmentgroup", "abteilung"]),
    (Role::Channel, &["channel", "eventchannel", "contactchannel", "contacttype", "kanal", "kontaktkanal"]),
    (Role::Source, &["source", "sourcesystem", "datasource", "quelle", "quellsystem"]),
    (Role::MessageId, &["messageid", "msgid", "eventid", "eventuuid", "insertid", "oceleid"]),
];

/// Whether a column of this name says who, or which one, and so not what happened.
pub(super) fn identifies(name: &str) -> bool {
    let name = normal(name);
    let persons = PERSON.iter().flat_map(|(known, _, _)| known.iter());
    persons.chain(CASE).chain(SESSION).any(|known| *known == name)
}

/// Whether a column of this name says how, where or by whom something happened, and so neither what nor to whom.
pub(super) fn describes(name: &str) -> bool {
    let name = normal(name);
    OTHERS.iter().any(|(_, known)| known.contains(&name.as_str()))
}
