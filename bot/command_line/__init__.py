"""The commands of ``postino`` by what they are about; ``bot.cli`` puts them together."""
