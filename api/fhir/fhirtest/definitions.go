package fhirtest

// definitions is base R4 (4.0.1), of the types that are emitted here, in the
// order of the specification: each element with its cardinality and its type,
// and the codes that a required binding allows. An element that is not here is
// not emitted, and is an error where it is.
var definitions = map[string]string{
	"Bundle": `
		id 0..1 id
		type 1..1 document|message|transaction|transaction-response|batch|batch-response|history|searchset|collection
		total 0..1 unsignedInt
		link 0..* Bundle.link
		entry 0..* Bundle.entry`,
	"Bundle.link": `
		relation 1..1 string
		url 1..1 uri`,
	"Bundle.entry": `
		fullUrl 0..1 uri
		resource 0..1 Resource
		search 0..1 Bundle.entry.search`,
	"Bundle.entry.search": `
		mode 0..1 match|include|outcome`,
	"CareTeam": `
		id 0..1 id
		meta 0..1 Meta
		status 0..1 proposed|active|suspended|inactive|entered-in-error
		category 0..* CodeableConcept
		name 0..1 string
		subject 0..1 Reference
		period 0..1 Period
		telecom 0..* ContactPoint`,
	"PractitionerRole": `
		id 0..1 id
		practitioner 0..1 Reference
		organization 0..1 Reference
		code 0..* CodeableConcept`,
	"AuditEvent": `
		id 0..1 id
		meta 0..1 Meta
		extension 0..* Extension
		type 1..1 Coding
		subtype 0..* Coding
		action 0..1 C|R|U|D|E
		recorded 1..1 instant
		outcome 0..1 0|4|8|12
		outcomeDesc 0..1 string
		agent 1..* AuditEvent.agent
		source 1..1 AuditEvent.source
		entity 0..* AuditEvent.entity`,
	"AuditEvent.agent": `
		type 0..1 CodeableConcept
		role 0..* CodeableConcept
		who 0..1 Reference
		requestor 1..1 boolean
		network 0..1 AuditEvent.agent.network`,
	"AuditEvent.agent.network": `
		extension 0..* Extension`,
	"AuditEvent.source": `
		site 0..1 string
		observer 1..1 Reference
		type 0..* Coding`,
	"AuditEvent.entity": `
		what 0..1 Reference
		type 0..1 Coding
		role 0..1 Coding
		name 0..1 string
		query 0..1 base64Binary
		detail 0..* AuditEvent.entity.detail`,
	"AuditEvent.entity.detail": `
		type 1..1 string
		valueString 1..1 string`,
	"Flag": `
		id 0..1 id
		meta 0..1 Meta
		contained 0..* Resource
		extension 0..* Extension
		status 1..1 active|inactive|entered-in-error
		code 1..1 CodeableConcept
		subject 1..1 Reference
		period 0..1 Period`,
	"CarePlan": `
		id 0..1 id
		meta 0..1 Meta
		status 1..1 draft|active|on-hold|revoked|completed|entered-in-error|unknown
		intent 1..1 proposal|plan|order|option
		category 0..* CodeableConcept
		subject 1..1 Reference
		period 0..1 Period
		careTeam 0..* Reference`,
	"Provenance": `
		id 0..1 id
		meta 0..1 Meta
		target 1..* Reference
		recorded 1..1 instant
		activity 0..1 CodeableConcept
		agent 1..* Provenance.agent`,
	"Provenance.agent": `
		role 0..* CodeableConcept
		who 1..1 Reference
		onBehalfOf 0..1 Reference`,
	"OperationOutcome": `
		id 0..1 id
		issue 1..* OperationOutcome.issue`,
	"OperationOutcome.issue": `
		extension 0..* Extension
		severity 1..1 fatal|error|warning|information
		code 1..1 invalid|structure|required|value|invariant|security|login|unknown|expired|forbidden|suppressed|processing|not-supported|duplicate|multiple-matches|not-found|deleted|too-long|code-invalid|extension|too-costly|business-rule|conflict|transient|lock-error|no-store|exception|timeout|incomplete|throttled|informational
		details 0..1 CodeableConcept
		diagnostics 0..1 string`,
	"CapabilityStatement": `
		id 0..1 id
		status 1..1 draft|active|retired|unknown
		date 1..1 dateTime
		kind 1..1 instance|capability|requirements
		description 0..1 string
		software 0..1 CapabilityStatement.software
		implementation 0..1 CapabilityStatement.implementation
		fhirVersion 1..1 4.0.1
		format 1..* code
		rest 0..* CapabilityStatement.rest`,
	"CapabilityStatement.software": `
		name 1..1 string`,
	"CapabilityStatement.implementation": `
		description 1..1 string
		url 0..1 uri`,
	"CapabilityStatement.rest": `
		mode 1..1 client|server
		documentation 0..1 string
		security 0..1 CapabilityStatement.rest.security
		resource 0..* CapabilityStatement.rest.resource`,
	"CapabilityStatement.rest.security": `
		description 0..1 string`,
	"CapabilityStatement.rest.resource": `
		type 1..1 code
		documentation 0..1 string
		interaction 0..* CapabilityStatement.rest.resource.interaction
		searchInclude 0..* string
		searchParam 0..* CapabilityStatement.rest.resource.searchParam`,
	"CapabilityStatement.rest.resource.interaction": `
		code 1..1 read|vread|update|patch|delete|history-instance|history-type|create|search-type`,
	"CapabilityStatement.rest.resource.searchParam": `
		name 1..1 string
		type 1..1 number|date|string|token|reference|composite|quantity|uri|special
		documentation 0..1 string`,
	"Meta": `
		profile 0..* uri`,
	"Extension": `
		url 1..1 uri
		valueUrl 0..1 uri
		valueInteger 0..1 integer
		valueCode 0..1 code
		valueReference 0..1 Reference`,
	"Coding": `
		system 0..1 uri
		code 0..1 code
		display 0..1 string`,
	"CodeableConcept": `
		coding 0..* Coding
		text 0..1 string`,
	"Identifier": `
		system 0..1 uri
		value 0..1 string`,
	"Reference": `
		reference 0..1 string
		type 0..1 uri
		identifier 0..1 Identifier
		display 0..1 string`,
	"Period": `
		start 0..1 dateTime
		end 0..1 dateTime`,
	"ContactPoint": `
		system 0..1 phone|fax|email|pager|url|sms|other
		value 0..1 string
		use 0..1 home|work|temp|old|mobile`,
}

// primitives are what a value of a primitive type looks like.
var primitives = map[string]string{
	"id":          `[A-Za-z0-9\-\.]{1,64}`,
	"code":        `[^\s]+(\s[^\s]+)*`,
	"uri":         `\S+`,
	"string":      `[ \r\n\t\S]+`,
	"instant":     `\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?(Z|[+-]\d{2}:\d{2})`,
	"dateTime":    `\d{4}(-\d{2}(-\d{2}(T\d{2}:\d{2}:\d{2}(\.\d+)?(Z|[+-]\d{2}:\d{2}))?)?)?`,
	"unsignedInt": `0|[1-9]\d*`,
	"integer":     `-?(0|[1-9]\d*)`,
	"boolean":     `true|false`,

	"base64Binary": `([A-Za-z0-9+/]{4})*([A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?`,
}
