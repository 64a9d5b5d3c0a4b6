package api

import (
	"context"
	"crypto/rand"
	"io"

	"custos/api/cpis"
	"custos/ledger"
)

// Loaded says what became of a CP-IS file.
type Loaded struct {
	Code    cpis.FileCode
	Upload  string     // the upload's id, empty if it was not taken
	Entry   ledger.Seq // the entry that closed it, zero if it was not taken
	Records int        // how many records the file holds
	Failed  int        // how many of them were rejected
}

// LoadMessage takes a CP-IS message 01 that came otherwise than over HTTP, as a
// caller with the role uploader, and writes message 02 to ack. The same file
// again has the same acknowledgement.
//
// An error means that there is none: the file could not be read, or nothing
// could be recorded, or the caller may not send it (the Problem says which, and
// the last is on the record). Nothing was written to ack then, unless writing to
// it is what failed; the file may be given again.
func (s *Server) LoadMessage(ctx context.Context, who *Identity, file io.Reader, ack io.Writer) (Loaded, error) {
	if p := s.uploads.acquire(); p != nil {
		return Loaded{}, p
	}
	defer s.uploads.release()
	if !s.may(who, ledger.ActUpload) {
		return Loaded{}, s.deny(ctx, who, ledger.ActUpload)
	}
	defer s.cfg.TakingIn()()
	in, err := spool(io.LimitReader(file, uploadBody+1))
	if err != nil {
		return Loaded{}, bodyProblem(err)
	}
	defer in.close()
	var random [8]byte
	if _, err := rand.Read(random[:]); err != nil {
		return Loaded{}, err
	}
	u := s.newUpload(ctx, who, ledger.TimedID(ledger.Of(s.cfg.Now()), random), uploadQuery{form: formXML}, in)
	var a *acknowledgement
	if in.size > uploadBody {
		err = &messageProblem{cpis.FileBroken, cpis.TooLarge, "/File"}
	} else {
		a, err = u.take()
	}
	if err != nil {
		return u.refuse(ack, err)
	}
	t, err := a.rows.tally()
	if err != nil {
		return Loaded{}, err
	}
	n := t.records.len()
	return Loaded{Code: cpis.FileCodeOf(n-t.failed, t.failed), Upload: a.id.String(), Entry: a.seq, Records: n, Failed: t.failed}, a.writeXML(ack)
}

func (u *upload) refuse(ack io.Writer, err error) (Loaded, error) {
	message, _, code, err := u.refusal(err)
	if err != nil {
		return Loaded{}, err
	}
	_, err = ack.Write(message)
	return Loaded{Code: code}, err
}
