#!/usr/bin/env node
'use strict';
require('../dist/bin/ulp-check.js');
