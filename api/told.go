package api

import (
	"custos/ledger"
	"custos/projection"
)

// toldNotice goes with every answer that tells an authority.
const toldNotice = "Queued is not read, and this is not a referral. If you are worried about this person, ring the local authority now: " +
	"the numbers are with each plan. Make a referral as your local procedures say."

// writeTold appends "notified": the notifications that tell of this access, how
// far each has come, and who acknowledged it.
func (s *Server) writeTold(j *jsonWriter, told []projection.Told, profiles []*ledger.Shown) error {
	j.key("notified")
	j.open('[')
	for i := range told {
		t := &told[i]
		o, err := s.organisation(t.Authority)
		if err != nil {
			return err
		}
		j.open('{')
		j.field("ods", t.Authority)
		j.field("name", o.Name)
		j.field("state", t.State.String())
		j.key("at")
		j.time(t.At)
		if t.Queued != t.At {
			j.key("toldAt")
			j.time(t.Queued)
		}
		if t.Merged {
			j.key("sameAttendance")
			j.boolean(true)
		}
		if t.Acknowledged != 0 {
			j.key("acknowledged")
			j.open('{')
			j.key("at")
			j.time(t.Acknowledged)
			if t.By != nil {
				name := s.name(profiles, t.By.Profile)
				j.field("name", name.Name)
				j.field("role", roleShown(name, t.By.Role))
			}
			j.close('}')
		}
		j.close('}')
	}
	j.close(']')
	return nil
}
