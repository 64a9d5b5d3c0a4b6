package cpis

import "strconv"

// out builds XML. It writes what it is given: whoever calls it has checked that.
type out struct{ b []byte }

const declaration = `<?xml version="1.0" encoding="UTF-8"?>` + "\n"

// document begins a message.
func (o *out) document(root string) {
	o.b = append(o.b, declaration...)
	o.beginning(root)
}

// beginning begins what has HL7's namespaces in it.
func (o *out) beginning(name string, attrs ...string) {
	o.begin(name, append([]string{"xmlns", nsHL7, "xmlns:npfitlc", nsLocal}, attrs...)...)
	o.line()
}

// begin begins an element with attributes, as leaf has them.
func (o *out) begin(name string, attrs ...string) {
	o.leaf(name, attrs...)
	o.b = append(o.b[:len(o.b)-2], '>')
}

func (o *out) open(name string) {
	o.b = append(o.b, '<')
	o.b = append(o.b, name...)
	o.b = append(o.b, '>')
}

func (o *out) close(name string) {
	o.b = append(o.b, '<', '/')
	o.b = append(o.b, name...)
	o.b = append(o.b, '>')
}

// within writes an element with what write puts in it.
func (o *out) within(name string, write func()) {
	o.open(name)
	write()
	o.close(name)
}

// leaf writes an empty element with attributes: name, value, name, value. An
// attribute without a value is left out.
func (o *out) leaf(name string, attrs ...string) {
	o.b = append(o.b, '<')
	o.b = append(o.b, name...)
	for i := 0; i < len(attrs); i += 2 {
		if attrs[i+1] == "" {
			continue
		}
		o.b = append(o.b, ' ')
		o.b = append(o.b, attrs[i]...)
		o.b = append(o.b, '=', '"')
		o.b = escape(o.b, attrs[i+1])
		o.b = append(o.b, '"')
	}
	o.b = append(o.b, '/', '>')
}

// number writes an empty element whose value is a number.
func (o *out) number(name string, n int64) {
	o.b = append(o.b, '<')
	o.b = append(o.b, name...)
	o.b = append(o.b, ` value="`...)
	o.b = strconv.AppendInt(o.b, n, 10)
	o.b = append(o.b, '"', '/', '>')
}

func (o *out) text(name, text string) {
	o.open(name)
	o.b = escape(o.b, text)
	o.close(name)
}

func (o *out) line() { o.b = append(o.b, '\n') }

// contentID announces the template of what follows.
func (o *out) contentID(template string) {
	o.leaf("npfitlc:contentId", "root", oidContent, "extension", template)
}

// contentID reads what announces a choice.
func (c *cursor) contentID() string {
	id := ""
	if c.beginIn(spaceLocal, "contentId") {
		if string(c.must("root")) != oidContent {
			c.fail(ContentID, "@root")
		}
		id = c.short("extension", 64)
		c.end()
	}
	return id
}

// value reads an empty element's one attribute called value.
func (c *cursor) value(name string) (v []byte) {
	if c.begin(name) {
		v = c.must("value")
	}
	return v
}

// timestamp reads an element that holds a time.
func (c *cursor) timestamp(name string) (t Timestamp) {
	if v := c.value(name); c.fault == nil {
		var ok bool
		if t, ok = ParseTimestamp(string(v)); !ok {
			c.fail(TimeFormat, "@value")
		}
		c.end()
	}
	return t
}

// count reads an element that holds a whole number from least to a thousand million.
func (c *cursor) count(name string, least int64) (n int) {
	if v := c.value(name); c.fault == nil {
		parsed, err := strconv.ParseInt(string(v), 10, 64)
		if err != nil || parsed < least || parsed > 1e9 {
			c.fail(QuantityFormat, "@value")
		}
		n = int(parsed)
		c.end()
	}
	return n
}
