package ledger

import (
	"reflect"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// coded lists every type that the codec writes and reads in the library's place.
var coded = []func() fielded{
	func() fielded { return new(Actor) },
	func() fielded { return new(LookUp) },
	func() fielded { return new(Accessed) },
	func() fielded { return new(NotificationQueued) },
	func() fielded { return new(Notification) },
	func() fielded { return new(PlanDetails) },
	func() fielded { return new(AccessDetails) },
	func() fielded { return new(Sealed) },
	func() fielded { return new(WrappedKey) },
	func() fielded { return new(Row) },
	func() fielded { return new(UploadChunk) },
	func() fielded { return new(PlanRecorded) },
	func() fielded { return new(PlanUnchanged) },
	func() fielded { return new(PlanDeleted) },
	func() fielded { return new(PlanRejected) },
	func() fielded { return new(PlanUnmatched) },
	func() fielded { return new(Plan) },
	func() fielded { return new(EnrolmentRow) },
	func() fielded { return new(Enrol) },
	func() fielded { return new(Enrolled) },
	func() fielded { return new(EnrolmentNotKept) },
	func() fielded { return new(Upload) },
	func() fielded { return new(Stayed) },
	func() fielded { return new(StayedAt) },
	func() fielded { return new(Gap) },
	func() fielded { return new(Days) },
}

// fill gives every exported field a value, often zero.
func fill(t *rapid.T, v reflect.Value) {
	for i := range v.NumField() {
		f := v.Field(i)
		if !f.CanSet() || rapid.Bool().Draw(t, "zero") {
			continue
		}
		switch f.Kind() {
		case reflect.String:
			f.SetString(rapid.String().Draw(t, "text"))
		case reflect.Bool:
			f.SetBool(rapid.Bool().Draw(t, "bool"))
		case reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
			f.SetUint(rapid.Uint64().Draw(t, "number") >> (64 - f.Type().Bits()))
		case reflect.Int, reflect.Int32, reflect.Int64:
			f.SetInt(rapid.Int64().Draw(t, "integer") >> (64 - f.Type().Bits()))
		case reflect.Struct:
			fill(t, f)
		case reflect.Array:
			for j := range f.Len() {
				f.Index(j).SetUint(uint64(rapid.Byte().Draw(t, "byte")))
			}
		case reflect.Slice:
			switch f.Interface().(type) {
			case []byte:
				f.SetBytes(rapid.SliceOf(rapid.Byte()).Draw(t, "bytes"))
			case []string:
				f.Set(reflect.ValueOf(rapid.SliceOf(rapid.String()).Draw(t, "texts")))
			case []Seq:
				f.Set(reflect.ValueOf(rapid.SliceOf(rapid.Custom(func(t *rapid.T) Seq { return Seq(rapid.Uint64().Draw(t, "seq")) })).Draw(t, "seqs")))
			case []ActorID:
				n := rapid.IntRange(0, 3).Draw(t, "actors")
				f.Set(reflect.MakeSlice(f.Type(), n, n))
				for i := range n {
					for j := range f.Index(i).Len() {
						f.Index(i).Index(j).SetUint(uint64(rapid.Byte().Draw(t, "byte")))
					}
				}
			default:
				if f.Type().Elem().Kind() != reflect.Struct {
					t.Fatalf("a field of type %s is not filled", f.Type())
				}
				n := rapid.IntRange(0, 3).Draw(t, "rows")
				f.Set(reflect.MakeSlice(f.Type(), n, n))
				for i := range n {
					fill(t, f.Index(i))
				}
			}
		default:
			t.Fatalf("a field of type %s is not filled", f.Type())
		}
	}
}

// libraryAccepts tells whether the CBOR library reads b as a value of v's type and writes it again as b.
func libraryAccepts(t require.TestingT, b []byte, v fielded) bool {
	if decMode.Unmarshal(b, v) != nil {
		return false
	}
	again, err := encMode.Marshal(v)
	require.NoError(t, err)
	return string(again) == string(b)
}

// Whatever the codec writes, the library writes; whatever it reads, the library
// reads, to the same value; and what one of them refuses, both do.
func TestCodecAgreesWithTheLibrary(t *testing.T) {
	for _, fresh := range coded {
		t.Run(reflect.TypeOf(fresh()).Elem().Name(), func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) {
				v := fresh()
				fill(t, reflect.ValueOf(v).Elem())
				want, err := encMode.Marshal(v)
				require.NoError(t, err)
				b := appendFields([]byte{0xff}, v)[1:]
				require.Equal(t, want, b)
				read, byLibrary := fresh(), fresh()
				require.NoError(t, readSame(b, read))
				require.NoError(t, decMode.Unmarshal(b, byLibrary))
				require.Equal(t, byLibrary, read)

				damaged := append([]byte(nil), b...)
				for range rapid.IntRange(1, 3).Draw(t, "times") {
					at := rapid.IntRange(0, len(damaged)-1).Draw(t, "at")
					switch rapid.IntRange(0, 2).Draw(t, "how") {
					case 0:
						damaged[at] = rapid.Byte().Draw(t, "to")
					case 1:
						damaged = append(damaged[:at:at], damaged[min(at+1, len(damaged)):]...)
					case 2:
						damaged = append(damaged[:at:at], append([]byte{rapid.Byte().Draw(t, "new")}, damaged[at:]...)...)
					}
					if len(damaged) == 0 {
						break
					}
				}
				read = fresh()
				require.Equal(t, libraryAccepts(t, damaged, fresh()), readSame(damaged, read) == nil, "%x", damaged)
			})
		})
	}
}

// The plans of one person are a list, and not a map; so are the days of a gap.
func TestPlansAgreeWithTheLibrary(t *testing.T) {
	rapid.Check(t, listAgrees[Plan])
	rapid.Check(t, listAgrees[Days])
	// A map of 24 pairs has a longer head than one of 23.
	full := Plan{1, 2, "A", 3, 4, 5, 6, Tag{7}, Tag{8}, Tag{9}, true, 10, 11, 12, ID{13}, 14, ID{15}, 16, 17, 18, PersonRef{19}, Tag{20}, Tag{21}, 22}
	for range 2 {
		b, err := Marshal([]Plan{full})
		require.NoError(t, err)
		want, err := encMode.Marshal([]Plan{full})
		require.NoError(t, err)
		require.Equal(t, want, b)
		var read []Plan
		require.NoError(t, Unmarshal(b, &read))
		require.Equal(t, []Plan{full}, read)
		full.Lost = 0
	}
	b, err := Marshal([]Plan{{}})
	require.NoError(t, err)
	require.Len(t, b, 1+leastPlan, "the least that a plan takes")
	var read []Plan
	require.NoError(t, Unmarshal(b, &read))
	require.Equal(t, []Plan{{}}, read)
	b, err = Marshal([]Plan(nil))
	require.NoError(t, err)
	require.Equal(t, []byte{0x80}, b)
}

func listAgrees[T any](t *rapid.T) {
	list := make([]T, rapid.IntRange(0, 4).Draw(t, "length"))
	for i := range list {
		fill(t, reflect.ValueOf(&list[i]).Elem())
	}
	want, err := encMode.Marshal(list)
	require.NoError(t, err)
	b, err := Marshal(list)
	require.NoError(t, err)
	require.Equal(t, want, b)
	var read, byLibrary []T
	require.NoError(t, Unmarshal(b, &read))
	require.NoError(t, decMode.Unmarshal(b, &byLibrary))
	require.Equal(t, byLibrary, read)
	for n := range b {
		require.Error(t, Unmarshal(b[:n], &read))
	}
	require.Error(t, Unmarshal(append(b, 0), &read))
}

// FuzzCodec is the same for any bytes.
func FuzzCodec(f *testing.F) {
	for i, fresh := range coded {
		f.Add(byte(i), appendFields(nil, fresh()))
	}
	f.Fuzz(func(t *testing.T, which byte, b []byte) {
		fresh := coded[int(which)%len(coded)]
		read := fresh()
		require.Equal(t, libraryAccepts(t, b, fresh()), readSame(b, read) == nil)
		if read = fresh(); readFields(b, read) == nil {
			require.Equal(t, readSame(b, fresh()) == nil, string(appendFields(nil, read)) == string(b))
		}
	})
}
