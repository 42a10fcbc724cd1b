package clients

import (
	"encoding/base64"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strings"
	"time"
)

// diff compares what a client printed with what the Go SDK was answered: the
// same members, the same order, the same values. Members are compared without
// regard to capitals, times however they are written.
func diff(path string, want reflect.Value, got any) []string {
	for want.Kind() == reflect.Pointer {
		if want.IsNil() {
			return absent(path, got)
		}
		want = want.Elem()
	}
	if want.Type() == reflect.TypeFor[time.Time]() {
		if !sameTime(want.Interface().(time.Time), got) {
			return []string{fmt.Sprintf("%s: want %v, got %v", path, want, got)}
		}
		return nil
	}
	switch want.Kind() {
	case reflect.Struct:
		return diffStruct(path, want, got)
	case reflect.Slice:
		if want.IsNil() {
			return absent(path, got)
		}
		if want.Type().Elem().Kind() == reflect.Uint8 {
			if text := base64.StdEncoding.EncodeToString(want.Bytes()); text != fmt.Sprint(got) {
				return []string{fmt.Sprintf("%s: want %s, got %v", path, text, got)}
			}
			return nil
		}
		l, ok := got.([]any)
		if !ok || len(l) != want.Len() {
			return []string{fmt.Sprintf("%s: want %d items, got %v", path, want.Len(), got)}
		}
		var d []string
		for i := range l {
			d = append(d, diff(fmt.Sprintf("%s[%d]", path, i), want.Index(i), l[i])...)
		}
		return d
	case reflect.Map:
		m, ok := got.(map[string]any)
		if want.Len() == 0 && len(m) == 0 {
			return nil // clients make an empty map of metadata that is not there
		}
		if !ok || len(m) != want.Len() {
			return []string{fmt.Sprintf("%s: want %v, got %v", path, want, got)}
		}
		var d []string
		for it := want.MapRange(); it.Next(); {
			d = append(d, diff(path+"."+it.Key().String(), it.Value(), m[it.Key().String()])...)
		}
		return d
	case reflect.Interface:
		return nil // unions have their own test
	}
	if want.Kind() == reflect.String && want.Len() == 0 && got == nil {
		return nil // an enumeration that was not set
	}
	if n, ok := got.(float64); ok && want.CanInt() && float64(want.Int()) == n {
		return nil
	}
	if fmt.Sprint(want.Interface()) != fmt.Sprint(got) {
		return []string{fmt.Sprintf("%s: want %v, got %v", path, want.Interface(), got)}
	}
	return nil
}

func absent(path string, got any) []string {
	if got == nil {
		return nil
	}
	return []string{fmt.Sprintf("%s: not expected, got %v", path, got)}
}

func diffStruct(path string, want reflect.Value, got any) (d []string) {
	m, ok := got.(map[string]any)
	if !ok {
		return []string{fmt.Sprintf("%s: want an object, got %v", path, got)}
	}
	left := map[string]any{}
	for k, v := range m {
		left[strings.ToLower(k)] = v
	}
	for i := range want.NumField() {
		f := want.Type().Field(i)
		if !f.IsExported() || f.Name == "ResultMetadata" {
			continue
		}
		key := strings.ToLower(f.Name)
		v := left[key]
		delete(left, key)
		if key == "nexttoken" || key == "body" || strings.HasPrefix(key, "checksum") {
			continue // clients page, save bodies and ask for checksums by themselves
		}
		d = append(d, diff(path+"."+f.Name, want.Field(i), v)...)
	}
	for k, v := range left {
		if !ignored[k] {
			d = append(d, fmt.Sprintf("%s.%s: unknown to the SDK: %v", path, k, v))
		}
	}
	return d
}

// newer are members that clients of 2023 do not know and so do not show.
var newer = []string{".LastOperations", ".OperationId", ".CurrentServiceDeployment", ".CurrentServiceRevisions", ".ImageStatus",
	".DeletionProtectionEnabled", ".LogGroupArn", ".LogGroupClass", ".Parameters[0].ARN", ".Parameters[1].ARN"}

// newest are members of 2026 that no client here knows.
var newest = []string{".ResetOnHealthyTask"}

// without takes the differences away that are only a client's age.
func without(newer, d []string) []string {
	return slices.DeleteFunc(d, func(s string) bool {
		path, rest, _ := strings.Cut(s, ": ")
		return strings.HasSuffix(rest, "got <nil>") && slices.ContainsFunc(newer, func(m string) bool { return strings.HasSuffix(path, m) })
	})
}

// ignored are members that clients add: boto3 to every answer, paging clients
// to what they have put together.
var ignored = map[string]bool{"responsemetadata": true, "nexttoken": true, "requestcharged": true}

// sameTime reads times as printed by clients: ISO 8601 in any zone, HTTP's form,
// or seconds since the epoch.
func sameTime(want time.Time, got any) bool {
	switch got := got.(type) {
	case float64:
		return math.Abs(got-float64(want.UnixMilli())/1e3) < 1
	case string:
		for _, layout := range []string{time.RFC3339Nano, "2006-01-02 15:04:05.999999-07:00", time.RFC1123} {
			if at, err := time.Parse(layout, got); err == nil {
				return at.Sub(want).Abs() < time.Second
			}
		}
	}
	return false
}
