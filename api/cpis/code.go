package cpis

// Object identifiers that stand on the wire.
const (
	oidNHSNumber    = "2.16.840.1.113883.2.1.4.1"
	oidLocalID      = "2.16.840.1.113883.2.1.3.2.4.18.24"
	oidContent      = "2.16.840.1.113883.2.1.3.2.4.18.16"
	oidOrganisation = "2.16.840.1.113883.2.1.3.2.4.19.1"
	oidSite         = "2.16.840.1.113883.2.1.3.2.4.19.2"
	oidUser         = "1.2.826.0.1285.0.2.0.65"
	oidRoleProfile  = "1.2.826.0.1285.0.2.0.67"
	oidSystem       = "1.2.826.0.1285.0.2.0.107"
	oidRecordCode   = "2.16.840.1.113883.2.1.3.2.4.17.473"

	// JobRoles is the vocabulary of job roles in the national directory.
	JobRoles = "2.16.840.1.113883.2.1.3.2.4.17.196"
)

// FileCode says what became of an uploaded file.
type FileCode string

// The file codes of message 02.
const (
	FileBroken      FileCode = "CPF01" // not read: corrupt, or not of the form
	FileLoaded      FileCode = "CPF02" // every record was loaded
	FilePartly      FileCode = "CPF03" // valid records were loaded, the others rejected
	FileNotLoaded   FileCode = "CPF04" // no record was loaded
	FileNoRegister  FileCode = "CPF05" // the register of people is out of reach: send the file again
	FileUnsupported FileCode = "CPF06" // the client's version is no longer supported
)

// fileNames are the display names that the schema fixes, spelled as it has them.
var fileNames = map[FileCode]string{
	FileBroken:      "File Level Error",
	FileLoaded:      "Successful File Upload",
	FilePartly:      "Partial File Upload",
	FileNotLoaded:   "Unsuccessful File Upload",
	FileNoRegister:  "PDS Error - PDS Unavailable",
	FileUnsupported: "Spine ii rejected the request because this version of the CPIS Client is no longer supported",
}

// Name is the code's display name; empty if there is no such code.
func (c FileCode) Name() string { return fileNames[c] }

// FileCodeOf is the code of a file that was read to its end.
func FileCodeOf(loaded, rejected int) FileCode {
	switch {
	case loaded == 0:
		return FileNotLoaded
	case rejected == 0:
		return FileLoaded
	}
	return FilePartly
}

// RecordCode says what became of one record.
type RecordCode string

// The record codes of message 02.
const (
	RecordNoMatch    RecordCode = "CPR01" // the register does not know the NHS number
	RecordSensitive  RecordCode = "CPR02" // the register has the person as sensitive
	RecordUnverified RecordCode = "CPR03" // name or birth date are not near enough to the register's
	RecordFormat     RecordCode = "CPR04" // the NHS number is none: an old-style number, or a wrong check digit
	RecordSuperseded RecordCode = "CPR05" // the person has a new NHS number
	RecordLoaded     RecordCode = "CPR06" // the record was loaded
	RecordRejected   RecordCode = "CPR07" // the record was not loaded; a Detail says why
)

// recordNames are the vocabulary's display names, spelled as it has them.
var recordNames = map[RecordCode]string{
	RecordNoMatch:    "PDS Error - No Match Found for NHS Number",
	RecordSensitive:  "PDS Error - NHS Number Matched, but Sensitive Record",
	RecordUnverified: "PDS Error - NHS Number not Verified",
	RecordFormat:     "PDS Error - NHS Number Format Incorrect",
	RecordSuperseded: "PDS Error - NHS Number Verified, but Superseded",
	RecordLoaded:     "Successful Record Upload",
	RecordRejected:   "Unsucessful Record Upload", //nolint:misspell // the vocabulary spells it so
}

// Name is the code's display name; empty if there is no such code.
func (c RecordCode) Name() string { return recordNames[c] }
