package cpis

// Limits bound what is read. The zero value takes the default of each.
type Limits struct {
	Total    int64 // bytes of the whole: 768 MiB for message 01, 64 MiB for the others
	Item     int   // bytes of one record, one tag or one text: 64 KiB
	Depth    int   // elements within elements: 24
	Elements int   // of one record: 512; of another message: 4 million
}

// Defaults of [Limits]. The deepest message has 16 elements within each other,
// the largest record about 70 in all.
const (
	defaultUploadTotal = 768 << 20
	defaultTotal       = 64 << 20
	defaultItem        = 64 << 10
	defaultDepth       = 24
	defaultRecord      = 512
	defaultElements    = 4 << 20
)

func (l Limits) or(total int64, elements int) Limits {
	if l.Total <= 0 {
		l.Total = total
	}
	if l.Item <= 0 {
		l.Item = defaultItem
	}
	if l.Depth <= 0 {
		l.Depth = defaultDepth
	}
	if l.Elements <= 0 {
		l.Elements = elements
	}
	return l
}
