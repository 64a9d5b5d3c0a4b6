package api

import "crypto/sha256"

// MailboxIdentity is who sends by a mailbox of a message exchange: an authority's
// system, which the exchange has authenticated and the node's configuration names.
// There is no token; what stands for its digest is that of the mailbox.
func MailboxIdentity(exchange, authority, mailbox string) *Identity {
	return &Identity{Issuer: exchange, Subject: mailbox, Role: "uploader", RoleName: "mailbox", Organisation: authority, Name: "mailbox " + mailbox,
		TokenHash: sha256.Sum256([]byte(exchange + "\x00" + authority + "\x00" + mailbox))}
}

// Denied reports whether a problem is that its caller may not do what was asked:
// asking again will not mend that.
func (p *Problem) Denied() bool { return problems[p.Code].status == 403 }
