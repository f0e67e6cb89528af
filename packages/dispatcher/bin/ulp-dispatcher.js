#!/usr/bin/env -S node --max-old-space-size=8000000 --single-threaded-gc
'use strict';
// The FFI tells V8 that each of its pointers holds 1 GB, and V8 collects garbage for each: with
// this limit it does mostly not, which halves the time to load it; the rest costs less in one
// thread. Nothing here needs much memory.
require('../dist/bin/ulp-dispatcher.js');
