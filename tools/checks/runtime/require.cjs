/** Loads an ES module by `require`. */
const { createViTVQ } = require('@vitvq/tokenizer');
if (typeof createViTVQ !== 'function') throw new Error('createViTVQ is missing');
