package cpis

import "strconv"

// Reply is what a query is answered with: message 04, or the generic
// acknowledgement QUQI_MT030101UK03, which says that there is no record or why
// there is no answer.
type Reply struct {
	Time    Timestamp
	ID      string   // of the interaction: a UUID in capitals
	Answer  *Answer  // nil: there is no record, or there is a Refusal
	Refusal *Refusal // nil: the query was answered
}

// Refusal is why a query was not answered. Code and words hold nothing submitted.
type Refusal struct {
	Code   string
	Words  string
	Client bool // the query's fault, not the service's
	Status int  // what the same is called in HTTP
}

// What a generic acknowledgement says of a query: HL7's QueryResponse.
const (
	queryFound   = "OK"
	queryNoData  = "NF"
	queryFailed  = "AE" // the service's fault
	queryRefused = "QE" // the query's
)

const (
	oidInteraction = "2.16.840.1.113883.2.1.3.2.4.12"

	answerInteraction  = "REPC_IN000007GB01"
	genericInteraction = "QUQI_IN010000UK14"
	answerRoot         = "CP-ISNHSQueryResponse"

	refusalSource = "custos"
)

// Append writes the reply to q behind dst, in the form that q came in. A refusal
// is a SOAP fault where the query came in an envelope. Its error is a *ValueError.
func (r *Reply) Append(dst []byte, q *Request) ([]byte, error) {
	if r.Answer != nil {
		if err := r.Answer.check(); err != nil {
			return dst, err
		}
	}
	o := &out{append(dst, declaration...)}
	if !q.Enveloped {
		r.body(o, q)
		return o.b, nil
	}
	o.b = append(o.b, `<soap:Envelope xmlns:soap="`+nsSOAP+`" xmlns:wsa="`+nsAddressing+`">`+"\n"...)
	o.within("soap:Header", func() {
		o.text("wsa:MessageID", "uuid:"+r.ID)
		o.text("wsa:Action", "urn:nhs:names:services:cpisquery/"+r.action())
		if q.MessageID != "" {
			o.text("wsa:RelatesTo", q.MessageID)
		}
	})
	o.line()
	o.open("soap:Body")
	o.line()
	if r.Refusal != nil {
		o.fault(r.Refusal)
	} else {
		r.body(o, q)
	}
	o.close("soap:Body")
	o.line()
	o.close("soap:Envelope")
	o.line()
	return o.b, nil
}

func (r *Reply) action() string {
	if r.Answer != nil {
		return answerInteraction
	}
	return genericInteraction
}

// body writes what is in no envelope, or in one.
func (r *Reply) body(o *out, q *Request) {
	switch {
	case q.Interaction != nil:
		r.interaction(o, q.Interaction)
	case r.Answer != nil:
		o.beginning(answerRoot)
		o.answer(r.Answer)
		o.close(answerRoot)
	default:
		o.beginning("ControlActEvent", "classCode", "CACT", "moodCode", "EVN")
		r.act(o, "")
		o.close("ControlActEvent")
	}
	o.line()
}

// interaction writes the reply with what Spine has around it: from the system
// that was asked to the one that did.
func (r *Reply) interaction(o *out, asked *Interaction) {
	name := r.action()
	o.beginning(name)
	o.leaf("id", "root", r.ID)
	o.leaf("creationTime", "value", string(r.Time))
	o.leaf("versionCode", "code", "V3NPfIT3.1.10")
	o.leaf("interactionId", "root", oidInteraction, "extension", name)
	o.leaf("processingCode", "code", "P")
	o.leaf("processingModeCode", "code", "T")
	o.leaf("acceptAckCode", "code", "NE")
	if r.Answer == nil {
		taken := "AA"
		if r.Refusal != nil {
			taken = "AE"
		}
		o.begin("acknowledgement", "typeCode", taken)
		o.within("messageRef", func() { o.leaf("id", "root", asked.ID) })
		o.close("acknowledgement")
	}
	for _, d := range [][2]string{{"communicationFunctionRcv", asked.Sender}, {"communicationFunctionSnd", asked.Receiver}} {
		o.within(d[0], func() {
			o.within("device", func() { o.leaf("id", "root", oidSystem, "extension", d[1]) })
		})
	}
	o.line()
	o.begin("ControlActEvent", "classCode", "CACT", "moodCode", "EVN")
	r.act(o, asked.Receiver)
	o.close("ControlActEvent")
	o.line()
	o.close(name)
}

// act writes what a control act holds: who answers, why not, the answer, and
// what became of the query. A bare query does not say which system it asks.
func (r *Reply) act(o *out, system string) {
	o.within("author1", func() {
		o.within("AgentSystemSDS", func() {
			o.within("agentSystemSDS", func() {
				if system == "" {
					o.leaf("id", "nullFlavor", "NI")
				} else {
					o.leaf("id", "root", oidSystem, "extension", system)
				}
			})
		})
	})
	code := queryNoData
	switch {
	case r.Refusal != nil:
		code = queryFailed
		if r.Refusal.Client {
			code = queryRefused
		}
		o.within("reason", func() {
			o.within("justifyingDetectedIssueEvent", func() {
				o.leaf("code", "code", r.Refusal.Code, "codeSystemName", refusalSource, "displayName", r.Refusal.Words)
			})
		})
	case r.Answer != nil:
		code = queryFound
		o.begin("subject", "typeCode", "SUBJ")
		o.open(answerRoot)
		o.answer(r.Answer)
		o.close(answerRoot)
		o.close("subject")
	}
	o.begin("queryAck", "type", "QueryAck")
	o.leaf("queryResponseCode", "code", code)
	o.close("queryAck")
}

// fault writes a SOAP fault: whose it is, and in its detail the code.
func (o *out) fault(f *Refusal) {
	whose := "soap:Server"
	if f.Client {
		whose = "soap:Client"
	}
	o.within("soap:Fault", func() {
		o.text("faultcode", whose)
		o.text("faultstring", f.Words)
		o.within("detail", func() {
			o.begin("error", "xmlns", "urn:custos:problem")
			o.text("code", f.Code)
			o.text("status", strconv.Itoa(f.Status))
			o.close("error")
		})
	})
	o.line()
}
