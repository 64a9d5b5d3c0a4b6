package api

// CP-IS has two published lists of codes, one of files and one of records. Ours
// are finer; each has one of theirs, which whoever speaks CP-IS is given.
// docs/UPLOADS.md prints both lists and is compared with these tables.

// fileCodes has what CP-IS calls the problems of whole files that are not CPF01,
// "corrupt or not correctly formed" (CP-ISUploadFileResponse).
var fileCodes = map[string]string{
	"sequence-lower":   "CPF04",
	"sequence-content": "CPF04",
	"upload-overtaken": "CPF04",
	"upload-not-open":  "CPF04",
	"content-type":     "CPF06",

	"register-unavailable": "CPF05",
}

// fileCode gives what CP-IS calls the outcome of a file: the problem it met, or
// without one how many of its rows were accepted and rejected.
func fileCode(problem string, accepted, rejected int) string {
	switch {
	case problem != "":
		if c, ok := fileCodes[problem]; ok {
			return c
		}
		return "CPF01"
	case rejected == 0:
		return "CPF02"
	case accepted == 0:
		return "CPF04"
	}
	return "CPF03"
}

// recordCodes has what CP-IS calls the codes of rows that are not CPR07,
// "unsuccessful" (CP-ISUploadRecordResponse). CPR02, "sensitive record; cannot be
// updated", is never given: such a person is accepted, sealed.
var recordCodes = map[string]string{
	"":                       "CPR06",
	"nhs-number-format":      "CPR04",
	"nhs-number-check-digit": "CPR04",

	"no-match":              "CPR01",
	"number-inactive":       "CPR01",
	"family-name-differs":   "CPR03",
	"given-names-differ":    "CPR03",
	"date-of-birth-differs": "CPR03",
	"other-name":            "CPR03",
	"several-differ":        "CPR03",
	"register-incomplete":   "CPR03",
	"number-superseded":     "CPR05",
}

// recordCode gives what CP-IS calls a row's code; "" is an accepted row's.
func recordCode(code string) string {
	if c, ok := recordCodes[code]; ok {
		return c
	}
	return "CPR07"
}
