#!/usr/bin/env node
'use strict';
require('../dist/bin/ulp-dump.js');
