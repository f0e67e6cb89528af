#!/usr/bin/env -S node --max-old-space-size=8000000
'use strict';
// The FFI tells V8 that each of its pointers holds 1 GB, and V8 collects garbage for each: with this limit it does
// not, which halves the time to load it. Nothing here needs much memory.
require('../dist/bin/ulp-trigger.js');
