package hl7

import (
	"errors"
	"strconv"
	"strings"
	"time"
)

// Found is what became of an arrival, as its answer tells the sender.
type Found struct {
	Outcome string // of the lookup
	Entry   uint64 // which records it
	Plans   int
}

// Taken answers a message that was looked up: accepted, and in ZCP what was found.
func Taken(control string, at time.Time, f Found) []byte {
	return answer("AA", control, at, "ZCP|1|"+f.Outcome+"|"+strconv.FormatUint(f.Entry, 10)+"|"+strconv.Itoa(f.Plans))
}

// Refused answers a message that was not: with an error, or rejected if sending
// it again cannot help. Of the message it repeats the control id alone.
func Refused(control string, at time.Time, f *Fault) []byte {
	accepted := "AE"
	switch f.Number {
	case numberMessage, numberEvent, numberMode:
		accepted = "AR"
	}
	place := ""
	if name, field, ok := strings.Cut(f.Place, "-"); ok {
		place = name + "^1^" + field
	} else {
		place = f.Place
	}
	return answer(accepted, control, at, "ERR||"+place+"|"+f.Number+"^^HL70357|E|"+f.Code+"^^CUSTOS")
}

// Ours is the fault of a message that is well formed and was not answered, with
// a code of the interface.
func Ours(code string) *Fault { return &Fault{code, numberOurs, ""} }

// Framed is the fault of what is in no frame, or too large for one.
func Framed(err error) *Fault {
	if errors.Is(err, ErrTooLarge) {
		return &Fault{"body-too-large", numberType, ""}
	}
	return &Fault{"hl7-frame", numberSequence, ""}
}

func answer(accepted, control string, at time.Time, more string) []byte {
	stamp := at.UTC().Format("20060102150405+0000")
	return []byte("MSH|^~\\&|CUSTOS||||" + stamp + "||ACK^A04^ACK|" + strconv.FormatInt(at.UnixNano(), 36) + "|P|2.4||||||UNICODE UTF-8\r" +
		"MSA|" + accepted + "|" + control + "\r" + more + "\r")
}
