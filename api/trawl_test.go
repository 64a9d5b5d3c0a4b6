package api

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"custos/ledger"
)

// Somebody tries one number after another: ten thousand different ones within an hour. A thousand are answered,
// each on the record; every other is turned away on the record, and answers nothing. Patients seen before may
// be looked at again, colleagues go on, and in an hour's time so may whoever it was.
func TestTenThousandNumbers(t *testing.T) {
	x := newTrawl(0)
	now := worldStart
	a, b := ledger.ActorIDOf(trust, "a"), ledger.ActorIDOf(trust, "b")
	person := func(n int) (p ledger.PersonRef) {
		p[1], p[2] = byte(n), byte(n>>8)
		return p
	}
	granted, told := 0, 0
	for n := range 10_000 {
		beyond, first := x.beyond(a, person(n), now)
		if !beyond {
			granted++
		}
		if first {
			told++
		}
		now = now.Add(300 * time.Millisecond)
	}
	require.Equal(t, []int{1000, 1}, []int{granted, told})
	beyond, _ := x.beyond(a, person(17), now)
	require.False(t, beyond, "seen before")
	beyond, _ = x.beyond(b, person(5000), now)
	require.False(t, beyond, "a colleague")
	beyond, _ = x.beyond(a, person(5000), worldStart.Add(time.Hour-1))
	require.True(t, beyond)
	beyond, _ = x.beyond(a, person(5000), worldStart.Add(time.Hour))
	require.False(t, beyond)
	beyond, _ = newTrawl(-1).beyond(a, person(1), now)
	require.False(t, beyond)

	w := newWorld(t)
	w.server.trawl.most = 3
	w.plans(uploader, 1, ann(nil))
	for n := range 3 {
		w.lookup(doctor, object{"nhsNumber": nhs(n)}).recorded(200)
	}
	for _, n := range []int{3, 4, 5} {
		size := w.size()
		r := w.lookup(doctor, object{"nhsNumber": nhs(n)})
		p := r.problem("too-many-people")
		require.Equal(t, 429, r.status)
		require.NotNil(t, p.Seq)
		w.proves(p.Receipt, ledger.Seq(*p.Seq))
		e := w.entry(ledger.Seq(*p.Seq))
		require.Equal(t, ledger.ActLookUp, e.Event.(*ledger.AccessDenied).Action)
		first := w.entry(e.Seq - ledger.Seq(e.Nth))
		require.Equal(t, []any{doctor.subject, ledger.RoleNone, emergency}, []any{first.Actor.Subject, first.Actor.Role, first.Actor.Organisation})
		require.Equal(t, map[ledger.Kind]int{ledger.KindAccessDenied: 1}, w.kinds(size))
	}
	w.lookup(doctor, object{"nhsNumber": nhs(1)}).recorded(200)
	// That somebody was not brought says as well who has a plan, and tells authorities besides.
	size := w.size()
	r := w.call(doctor, "POST", "/v1/missed-appointments", object{"nhsNumber": nhs(6), "appointmentAt": "2026-03-02T09:30:00Z", "service": "audiology"})
	require.Equal(t, 429, r.status)
	require.Equal(t, ledger.ActMissAppointment, w.entry(ledger.Seq(*r.problem("too-many-people").Seq)).Event.(*ledger.AccessDenied).Action)
	w.call(doctor, "POST", "/FHIR/R4/Appointment", noshow(nhs(6), nil)).problem("too-many-people")
	w.hook(doctor, hookOf(nhs(7), nil)).problem("too-many-people")
	require.Equal(t, "critical", w.hook(doctor, hookOf(nhs(1), nil)).card()["indicator"], "of somebody looked up before a card is given")
	kinds := w.kinds(size)
	require.Equal(t, 3, kinds[ledger.KindAccessDenied])
	require.Equal(t, 1, kinds[ledger.KindAccessed])
	w.lookup(otherDoctor, object{"nhsNumber": nhs(4)}).recorded(200)
	require.Contains(t, w.log.String(), `"alarm":"trawl"`)
	w.looks.Add(1800) // an hour
	w.lookup(doctor, object{"nhsNumber": nhs(4)}).recorded(200)
}
