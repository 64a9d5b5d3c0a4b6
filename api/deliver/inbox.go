package deliver

import (
	"context"
	"errors"
	"fmt"
	"io"

	"custos/api/mesh"
	"custos/ledger"
)

// What no answer can be given to: such messages stay in the inbox, and MESH
// returns them to their senders after five days.
var (
	errWorkflow = errors.New("a message of a workflow that is none of ours")
	errMailbox  = errors.New("a message of a mailbox that belongs to no authority")
	errReport   = errors.New("a report about a message that is none of ours")
)

// handle deals with one message of the inbox. It must not mind the same one
// again: MESH delivers until we acknowledge.
func (s *Service) handle(ctx context.Context, m *mesh.Message) error {
	log, err := s.cfg.Node.View().Log()
	if err != nil {
		return err
	}
	if m.Report != nil {
		return s.report(ctx, log.ID, m.Report)
	}
	if m.Workflow != s.cfg.MESH.Workflows().Upload {
		return mesh.Permanent(errWorkflow)
	}
	authority, ok := s.cfg.authorityOf(m.From)
	if !ok {
		return mesh.Permanent(errMailbox)
	}
	answer, err := newAnswerFile()
	if err != nil {
		return err
	}
	defer answer.close()
	body := &body{in: m.Body}
	if err := s.cfg.Load(ctx, authority, m.From, body, answer); err != nil {
		if errors.Is(body.err, mesh.TooLarge) {
			return mesh.Permanent(body.err)
		}
		return err
	}
	// Dying here, the file is loaded and not answered: it comes again, is known
	// again, and has the same answer.
	_, err = s.cfg.MESH.Send(ctx, mesh.Outgoing{To: m.From, Workflow: s.cfg.MESH.Workflows().Acknowledgement, LocalID: answerID(log.ID, m.ID),
		Again: true, ContentType: "application/xml", Body: answer, Size: answer.size})
	switch {
	case errors.Is(err, mesh.SentTwice):
		return nil // it is there
	case errors.Is(err, mesh.Undelivered):
		s.cfg.Logger.Error("an acknowledgement was not collected", "authority", authority)
		return nil
	}
	return err
}

// body remembers why a message could not be read, whatever its reader makes of that.
type body struct {
	in  io.Reader
	err error
}

func (b *body) Read(p []byte) (int, error) {
	n, err := b.in.Read(p)
	if err != nil {
		b.err = err
	}
	return n, err
}

// report takes MESH's word that nobody collected a message of ours, or that it
// could not be delivered: what was in it has failed, and is tried anew.
func (s *Service) report(ctx context.Context, log ledger.ID, r *mesh.Report) error {
	was, err := s.cfg.MESH.Track(ctx, r.MessageID)
	if errors.Is(err, mesh.NotFound) {
		return mesh.Permanent(errReport)
	}
	if err != nil {
		return err
	}
	attempt, ours := attemptOf(log, was.LocalID)
	if !ours {
		if was.LocalID == "" || len(was.LocalID) < len(localAnswer) || was.LocalID[:len(localAnswer)] != localAnswer {
			return mesh.Permanent(errReport)
		}
		s.cfg.Logger.Error("an acknowledgement was not collected", "message", r.MessageID, "code", r.Code)
		return nil
	}
	_, err = s.settle(ctx, &ledger.SettleDelivery{Attempt: attempt, Code: failure(mesh.Undelivered, r.Code), Message: r.MessageID})
	var refusal *ledger.Refusal
	if errors.As(err, &refusal) {
		return nil // it was told of before
	}
	if err != nil {
		return fmt.Errorf("record that a batch was not collected: %w", err)
	}
	return nil
}
