package view

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/trovectl/trovectl/config/resource"
)

// TestChecksOf: conditions stand by block, in Terraform's shape, each block as bad as the worst of it.
func TestChecksOf(t *testing.T) {
	at := func(s string) resource.Address {
		a, err := resource.ParseAddress(s)
		if err != nil {
			t.Fatal(err)
		}
		return a
	}
	got, err := json.MarshalIndent(checksOf([]resource.Check{
		{Address: at("database.n[0]"), Status: resource.CheckFail, Problems: []string{"It is small."}},
		{Address: at("database.n[1]"), Status: resource.CheckUnknown},
		{Address: at(`instance.orders`), Status: resource.CheckPass},
		{Name: "a", Status: resource.CheckError},
		{Name: "b", Status: resource.CheckPass},
	}), "", " ")
	if err != nil {
		t.Fatal(err)
	}
	want := `[
 {
  "address": {
   "kind": "resource",
   "mode": "managed",
   "name": "n",
   "to_display": "database.n",
   "type": "database"
  },
  "status": "fail",
  "instances": [
   {
    "address": {
     "instance_key": 0,
     "to_display": "database.n[0]"
    },
    "status": "fail",
    "problems": [
     {
      "message": "It is small."
     }
    ]
   },
   {
    "address": {
     "instance_key": 1,
     "to_display": "database.n[1]"
    },
    "status": "unknown"
   }
  ]
 },
 {
  "address": {
   "kind": "resource",
   "mode": "managed",
   "name": "orders",
   "to_display": "instance.orders",
   "type": "instance"
  },
  "status": "pass",
  "instances": [
   {
    "address": {
     "to_display": "instance.orders"
    },
    "status": "pass"
   }
  ]
 },
 {
  "address": {
   "kind": "check",
   "name": "a",
   "to_display": "check.a"
  },
  "status": "error",
  "instances": [
   {
    "address": {
     "to_display": "check.a"
    },
    "status": "error"
   }
  ]
 },
 {
  "address": {
   "kind": "check",
   "name": "b",
   "to_display": "check.b"
  },
  "status": "pass",
  "instances": [
   {
    "address": {
     "to_display": "check.b"
    },
    "status": "pass"
   }
  ]
 }
]`
	if diff := cmp.Diff(want, string(got)); diff != "" {
		t.Errorf("checks (-want +got):\n%s", diff)
	}
	if data, err := json.Marshal(checksOf(nil)); err != nil || string(data) != "[]" {
		t.Errorf("no checks are %s, %v", data, err)
	}
}
